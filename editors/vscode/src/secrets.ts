import * as vscode from "vscode";
import type { Server } from "./server";

const KEY = "codefactory.model.apiKey";

/** The model's API key: kept in VS Code's secret storage, given to the server over its pipe, never in settings. */
export class Secrets {
  constructor(
    private readonly storage: vscode.SecretStorage,
    private readonly server: Server,
  ) {}

  async ask(): Promise<void> {
    const value = await vscode.window.showInputBox({
      title: vscode.l10n.t("API key of the model"),
      prompt: vscode.l10n.t("Kept in VS Code's secret storage. Leave it empty to forget the key."),
      password: true,
      ignoreFocusOut: true,
    });
    if (value === undefined) {
      return;
    }
    await (value === "" ? this.storage.delete(KEY) : this.storage.store(KEY, value));
    await this.hand();
  }

  /** Gives the server the key there is, if any. Not in an untrusted workspace. */
  async hand(): Promise<void> {
    if (!this.server.isRunning || !vscode.workspace.isTrusted) {
      return;
    }
    const value = (await this.storage.get(KEY)) ?? null;
    await this.server.running.sendNotification("codefactory/setSecret", { name: "model.apiKey", value });
  }
}
