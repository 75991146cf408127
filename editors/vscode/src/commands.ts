import * as os from "node:os";
import * as vscode from "vscode";
import type { Attention } from "./attention";
import type { Jobs } from "./jobs";
import { EDITOR_PREFIX, type EditorModel } from "./languageModel";
import type { ModelSupport } from "./modelSupport";
import type { Notes } from "./notes";
import type { Previews } from "./preview";
import type { Job, Outcome, Proposal } from "./protocol";
import type { Secrets } from "./secrets";
import type { Server } from "./server";
import type { Status } from "./status";

export interface Parts {
  readonly server: Server;
  readonly jobs: Jobs;
  readonly previews: Previews;
  readonly notes: Notes;
  readonly attention: Attention;
  readonly secrets: Secrets;
  readonly editorModel: EditorModel;
  readonly modelSupport: ModelSupport;
  readonly status: Status;
  readonly log: vscode.LogOutputChannel;
  readonly version: string;
}

/** Everything in the command palette. Failures are said to the user once, here. */
export function registerCommands(parts: Parts): vscode.Disposable {
  const { server, previews, secrets, log } = parts;
  const commands: Record<string, (...args: never[]) => unknown> = {
    repairFile: (uri?: vscode.Uri) => repairFile(parts, uri),
    repairSelection: () => repairSelection(parts),
    repairWorkspace: () => repairWorkspace(parts),
    fixAllSafe: () => fixAllSafe(),
    installModelSupport: () => installModelSupport(parts),
    explainFinding: () => explainFinding(parts),
    showEvidence: () => showEvidence(parts),
    chooseModel: () => chooseModel(parts),
    setApiKey: () => secrets.ask(),
    restartServer: () => server.restart(),
    showLogs: () => log.show(),
    copyDebugInformation: () => copyDebugInformation(parts),
    acceptHunk: (hunk?: unknown) => previews.accept("hunk", asNumber(hunk)),
    rejectHunk: (hunk?: unknown) => previews.reject("hunk", asNumber(hunk)),
    acceptAll: () => previews.accept("all"),
    rejectAll: () => previews.reject("all"),
  };
  const registered = Object.entries(commands).map(([name, run]) =>
    vscode.commands.registerCommand(`codefactory.editor.${name}`, async (...args: never[]) => {
      try {
        await run(...args);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        log.error(`${name}: ${message}`);
        void vscode.window.showErrorMessage(message);
      }
    }),
  );
  return vscode.Disposable.from(...registered);
}

async function repairFile(parts: Parts, uri?: vscode.Uri): Promise<void> {
  const target = uri ?? vscode.window.activeTextEditor?.document.uri;
  if (target === undefined) {
    void vscode.window.showInformationMessage(vscode.l10n.t("Open a file to repair it."));
    return;
  }
  await vscode.workspace.openTextDocument(target);
  await repair(parts, "codefactory.repairFile", { uri: target.toString() }, vscode.l10n.t("Repairing {0}", nameOf(target)));
}

async function repairSelection(parts: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    return;
  }
  const { document, selection } = editor;
  const range = parts.server.running.code2ProtocolConverter.asRange(selection);
  const title = vscode.l10n.t("Repairing the selection in {0}", nameOf(document.uri));
  await repair(parts, "codefactory.repairFile", { uri: document.uri.toString(), range }, title);
}

async function repairWorkspace(parts: Parts): Promise<void> {
  await repair(parts, "codefactory.repairWorkspace", {}, vscode.l10n.t("Repairing the workspace"));
}

async function repair(parts: Parts, command: string, argument: object, title: string): Promise<void> {
  void offerModelSupport(parts);
  const startedAt = Date.now();
  const job = await parts.jobs.run(command, argument, title);
  if (job === undefined) {
    return;
  }
  const proposals = await parts.jobs.proposals(job);
  if (proposals.length === 0) {
    void sayNothingDone(parts, job);
    return;
  }
  const setting = vscode.workspace.getConfiguration("codefactory").get("previewBeforeApply");
  const shown = proposals.filter(({ origin }) => setting === "always" || (setting !== "never" && origin !== "fixers"));
  await apply(parts, proposals.filter((proposal) => !shown.includes(proposal)));
  await review(parts, shown, job.message, startedAt);
}

/** With what may help: what was tried, or a model where none is chosen. */
async function sayNothingDone({ notes, status }: Parts, { message, result }: Job): Promise<void> {
  const { refusal, markdown } = result;
  const details = vscode.l10n.t("Show Details");
  const choose = vscode.l10n.t("Choose Model");
  const text = `Code Factory: ${message}`;
  if (markdown !== undefined && refusal !== undefined && refusal.rounds.length > 0) {
    if ((await vscode.window.showWarningMessage(text, details)) === details) {
      await notes.show(vscode.l10n.t("Evidence"), markdown);
    }
  } else if (refusal !== undefined && refusal.remaining.length > 0 && status.model === null) {
    if ((await vscode.window.showInformationMessage(text, choose)) === choose) {
      await vscode.commands.executeCommand("codefactory.editor.chooseModel");
    }
  } else {
    void vscode.window.showInformationMessage(text);
  }
}

/** Opens the diff editor, or asks first when the user has gone on writing. */
async function review(parts: Parts, proposals: Proposal[], message: string, startedAt: number): Promise<void> {
  const [first] = proposals;
  if (first === undefined) {
    return;
  }
  await vscode.workspace.openTextDocument(vscode.Uri.parse(first.uri)); // now, not between the look and the diff
  if (parts.attention.hasTypedSince(startedAt)) {
    const show = vscode.l10n.t("Review");
    if ((await vscode.window.showInformationMessage(`Code Factory: ${message}.`, show)) !== show) {
      return;
    }
  }
  await parts.previews.review(proposals);
}

async function apply({ server, previews }: Parts, proposals: readonly Proposal[]): Promise<void> {
  const applied: Proposal[] = [];
  for (const proposal of proposals) {
    const outcome = await server.execute<Outcome>("codefactory.applyProposal", { proposal: proposal.id });
    if (outcome.status === "applied") {
      applied.push(proposal); // else the server has said why
    }
  }
  const [first, ...others] = applied;
  if (first === undefined) {
    return;
  }
  const show = vscode.l10n.t("Show Evidence");
  const said = others.length === 0 ? first.summary : vscode.l10n.t("{0} files repaired", applied.length);
  void vscode.window.showInformationMessage(`Code Factory: ${said}.`, show).then((answer) =>
    answer === show ? previews.showEvidence({ proposal: first.id }) : undefined,
  );
}

/** The model in the settings cannot be asked without litellm, which is not part of the extension. */
async function offerModelSupport({ status, server }: Parts): Promise<void> {
  if (status.missing === null || server.interpreter === undefined) {
    return;
  }
  const install = vscode.l10n.t("Install");
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t("The model in your settings needs the package litellm, which is too large to be part of the extension. Until it is installed, only deterministic fixes are made."),
    install,
  );
  if (answer === install) {
    await vscode.commands.executeCommand("codefactory.editor.installModelSupport");
  }
}

async function installModelSupport({ server, modelSupport }: Parts): Promise<void> {
  if (server.interpreter === undefined) {
    throw new Error(vscode.l10n.t("The Code Factory server is not running. See “Code Factory: Show Logs”."));
  }
  if (vscode.workspace.getConfiguration("codefactory").get("importStrategy") === "fromEnvironment") {
    throw new Error(vscode.l10n.t("The server comes from its environment: install litellm there, with `pip install litellm`."));
  }
  if (await modelSupport.install(server.interpreter)) {
    await server.restart();
    void vscode.window.showInformationMessage(vscode.l10n.t("Models can be asked now."));
  }
}

async function fixAllSafe(): Promise<void> {
  await vscode.commands.executeCommand("editor.action.codeAction", {
    kind: "source.fixAll.codefactory",
    apply: "first",
  });
}

async function explainFinding({ server, notes }: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    return;
  }
  const { document, selection } = editor;
  const position = { line: selection.active.line, character: selection.active.character };
  const argument = { uri: document.uri.toString(), position };
  const found = await server.execute<{ markdown: string } | null>("codefactory.explainFinding", argument);
  if (found === null) {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is no finding at the cursor."));
    return;
  }
  await notes.show(vscode.l10n.t("Finding"), found.markdown);
}

async function showEvidence({ previews }: Parts): Promise<void> {
  const proposal = previews.activeId;
  const uri = vscode.window.activeTextEditor?.document.uri.toString();
  const which = proposal !== undefined ? { proposal } : uri !== undefined ? { uri } : {};
  if (!(await previews.showEvidence(which)) && !(await previews.showEvidence({}))) {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is no proposal in this session yet."));
  }
}

/** `codefactory.model.name` where no model may be asked. */
const NO_MODEL = "none";

type ModelChoice = vscode.QuickPickItem & { readonly choose: () => Promise<void> };

async function chooseModel({ editorModel, status, secrets }: Parts): Promise<void> {
  const settings = vscode.workspace.getConfiguration("codefactory");
  const name = settings.get<string | null>("model.name") ?? null;
  const ofEditor = name?.split("/")[0] === EDITOR_PREFIX;
  const byName = name !== null && name !== NO_MODEL && !ofEditor;
  const set = async (value: string | undefined): Promise<void> =>
    settings.update("model.name", value, vscode.ConfigurationTarget.Global);
  const mark = (current: boolean): string => (current ? "$(check) " : "$(blank) ");
  const editors: ModelChoice = {
    label: mark(ofEditor) + vscode.l10n.t("The editor's own model"),
    description: ofEditor && name ? name.slice(EDITOR_PREFIX.length + 1) : vscode.l10n.t("such as Copilot's; needs no API key"),
    choose: async () => {
      const chosen = await editorModel.choose();
      if (chosen !== undefined) {
        await set(chosen);
      }
    },
  };
  const named: ModelChoice = {
    label: mark(byName) + vscode.l10n.t("A model by name…"),
    description: byName ? name : vscode.l10n.t("any that litellm knows, local ones too"),
    choose: async () => {
      const chosen = await vscode.window.showInputBox({
        title: vscode.l10n.t("Model"),
        prompt: vscode.l10n.t("As litellm writes it, e.g. openai/gpt-4o-mini or ollama/qwen2.5-coder"),
        value: byName ? name : "",
      });
      if (chosen) {
        await set(chosen);
      }
    },
  };
  const none: ModelChoice = {
    label: mark(name === NO_MODEL) + vscode.l10n.t("No model"),
    description: vscode.l10n.t("deterministic fixes only"),
    choose: () => set(NO_MODEL),
  };
  const here: ModelChoice = {
    label: mark(name === null) + vscode.l10n.t("One that runs on this machine"),
    description: (name === null && status.model) || vscode.l10n.t("if there is any"),
    choose: () => set(undefined),
  };
  const rest: ModelChoice[] = [{ label: "$(key) " + vscode.l10n.t("Set the API key…"), choose: () => secrets.ask() }];
  if (status.missing !== null) {
    const label = "$(cloud-download) " + vscode.l10n.t("Install model support (litellm)");
    rest.push({ label, choose: async () => vscode.commands.executeCommand("codefactory.editor.installModelSupport") });
  }
  const line = { label: "", kind: vscode.QuickPickItemKind.Separator, choose: async () => undefined };
  const title = vscode.l10n.t("Which model may Code Factory ask?");
  const picked = await vscode.window.showQuickPick<ModelChoice>([editors, here, named, none, line, ...rest], { title });
  await picked?.choose();
}

async function copyDebugInformation({ server, version }: Parts): Promise<void> {
  const settings = vscode.workspace.getConfiguration("codefactory");
  const lines = [
    `Code Factory ${version}`,
    `VS Code ${vscode.version} (${vscode.env.appName}, ${process.platform} ${process.arch}, ${os.release()})`,
    `Python ${server.interpreter?.version ?? "none"} from ${server.interpreter?.origin ?? "nowhere"}`,
    `Server ${server.isRunning ? JSON.stringify(server.running.initializeResult?.serverInfo) : "not running"}`,
    `Trusted ${vscode.workspace.isTrusted}, folders ${vscode.workspace.workspaceFolders?.length ?? 0}`,
    `Import strategy ${settings.get("importStrategy")}`,
  ];
  await vscode.env.clipboard.writeText(lines.join("\n"));
  void vscode.window.showInformationMessage(vscode.l10n.t("Debug information is on the clipboard."));
}

/** Menus pass other things as arguments: they are not numbers. */
function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function nameOf(uri: vscode.Uri): string {
  return uri.path.split("/").pop() ?? uri.path;
}
