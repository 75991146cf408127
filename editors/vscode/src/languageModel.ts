import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

/** `codefactory.model.name` of the editor's models: "editor/vendor/family". */
export const EDITOR_PREFIX = "editor";

interface CompletionParams {
  readonly id: string;
  /** "vendor/family"; null: the first one there is. */
  readonly model: string | null;
  readonly messages: readonly { readonly role: "system" | "user" | "assistant"; readonly content: string }[];
}

type CompletionResult =
  | { readonly usage: { readonly inputTokens: number | null; readonly outputTokens: number | null } }
  | { readonly error: { readonly category: string; readonly message: string } };

/**
 * Lets the server use the editor's own language model (such as Copilot's). The server asks with
 * `codefactory/model/complete`; the reply streams back as `codefactory/model/chunk`. The server asks only for work that
 * the user has started, which is when VS Code asks for consent.
 */
export class EditorModel {
  private readonly running = new Map<string, vscode.CancellationTokenSource>();

  constructor(private readonly log: vscode.LogOutputChannel) {}

  /** Lets the user choose; the name for the setting, undefined when nothing was chosen. */
  async choose(): Promise<string | undefined> {
    const models = await vscode.lm.selectChatModels();
    if (models.length === 0) {
      void vscode.window.showWarningMessage(vscode.l10n.t("This editor offers no language model. GitHub Copilot would."));
      return undefined;
    }
    const items = models.map((model) => ({ label: model.name, description: nameOf(model), model }));
    const title = vscode.l10n.t("Which of the editor's models?");
    const picked = models.length === 1 ? items[0] : await vscode.window.showQuickPick(items, { title });
    return picked && `${EDITOR_PREFIX}/${nameOf(picked.model)}`;
  }

  register(client: LanguageClient): void {
    client.onRequest("codefactory/model/complete", (params: CompletionParams) => this.complete(params, client));
    client.onNotification("codefactory/model/cancel", ({ id }: { id: string }) => this.running.get(id)?.cancel());
  }

  private async complete({ id, model: wanted, messages }: CompletionParams, client: LanguageClient): Promise<CompletionResult> {
    const models = await vscode.lm.selectChatModels();
    const model = wanted === null ? models[0] : models.find((m) => nameOf(m) === wanted || m.id === wanted);
    if (model === undefined) {
      return failed(
        "fatal",
        wanted === null
          ? vscode.l10n.t("this editor offers no language model. GitHub Copilot would.")
          : vscode.l10n.t("it is not there any more. Choose a model again."),
      );
    }
    const cancellation = new vscode.CancellationTokenSource();
    this.running.set(id, cancellation);
    try {
      const prompt = messages.map(({ role, content }) =>
        role === "assistant"
          ? vscode.LanguageModelChatMessage.Assistant(content)
          : vscode.LanguageModelChatMessage.User(content),
      );
      const justification = vscode.l10n.t("Code Factory repairs findings in your code with it.");
      const response = await model.sendRequest(prompt, { justification }, cancellation.token);
      let text = "";
      for await (const chunk of response.text) {
        text += chunk;
        await client.sendNotification("codefactory/model/chunk", { id, text: chunk });
      }
      const counts = await Promise.all(messages.map(({ content }) => count(model, content)));
      const inputTokens = counts.reduce((sum, n) => (sum === null || n === null ? null : sum + n), 0);
      return { usage: { inputTokens, outputTokens: await count(model, text) } };
    } catch (error) {
      if (cancellation.token.isCancellationRequested) {
        return failed("transient", vscode.l10n.t("cancelled"));
      }
      this.log.warn(`The editor's model failed: ${String(error)}`);
      return explain(error);
    } finally {
      this.running.delete(id);
      cancellation.dispose();
    }
  }
}

function nameOf(model: vscode.LanguageModelChat): string {
  return `${model.vendor}/${model.family}`;
}

async function count(model: vscode.LanguageModelChat, text: string): Promise<number | null> {
  try {
    return await model.countTokens(text);
  } catch {
    return null; // unknown is said as unknown
  }
}

function explain(error: unknown): CompletionResult {
  if (error instanceof vscode.LanguageModelError) {
    switch (error.code) {
      case vscode.LanguageModelError.NoPermissions.name:
        return failed("authentication", vscode.l10n.t("you have not allowed Code Factory to use it."));
      case vscode.LanguageModelError.Blocked.name:
        return failed("rate-limited", vscode.l10n.t("it refused: {0}", error.message));
      case vscode.LanguageModelError.NotFound.name:
        return failed("fatal", vscode.l10n.t("it is not there any more. Choose a model again."));
    }
  }
  return failed("transient", error instanceof Error ? error.message : String(error));
}

function failed(category: string, message: string): CompletionResult {
  return { error: { category, message } };
}
