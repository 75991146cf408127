import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Jobs } from "./jobs";
import type { SessionStatus } from "./protocol";
import type { Server, ServerState } from "./server";

const ICONS: Record<ServerState, string> = {
  starting: "$(loading~spin)",
  running: "$(shield)",
  stopped: "$(circle-slash)",
  failed: "$(error)",
};

/** The status item: the server's state, the model, running jobs and what this session has cost. */
export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("codefactory", vscode.StatusBarAlignment.Right, 90);
  private readonly changed = new vscode.EventEmitter<SessionStatus>();
  private readonly disposables: vscode.Disposable[];
  private state: ServerState = "starting";
  private session: SessionStatus | undefined;
  readonly onDidChange = this.changed.event;

  constructor(
    server: Server,
    private readonly jobs: Jobs,
  ) {
    this.item.name = "Code Factory";
    this.disposables = [
      this.item,
      this.changed,
      server.onDidChangeState((state) => {
        this.state = state;
        this.draw();
      }),
      jobs.onDidChange(() => this.draw()),
      server.onWillStart((client) => this.listen(client)),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.draw()),
    ];
    this.draw();
    this.item.show();
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  get missing(): SessionStatus["missing"] {
    return this.session?.missing ?? null;
  }

  /** The model that can be asked, if there is one. */
  get model(): string | null {
    return this.session?.model ?? null;
  }

  private listen(client: LanguageClient): void {
    client.onNotification("codefactory/status", (status: SessionStatus) => {
      this.session = status;
      this.draw();
      this.changed.fire(status);
    });
  }

  private draw(): void {
    const running = this.jobs.running;
    const limited = !vscode.workspace.isTrusted;
    const icon = running.length > 0 ? "$(sync~spin)" : limited && this.state === "running" ? "$(workspace-untrusted)" : ICONS[this.state];
    this.item.text = running.length > 1 ? `${icon} Code Factory (${running.length})` : `${icon} Code Factory`;
    const failed = this.state === "failed";
    this.item.backgroundColor = failed ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    this.item.command = failed ? "codefactory.editor.showLogs" : "codefactory.editor.chooseModel";
    this.item.accessibilityInformation = { label: vscode.l10n.t("Code Factory: {0}", this.stateText()) };
    this.item.tooltip = this.tooltip(limited);
  }

  private tooltip(limited: boolean): vscode.MarkdownString {
    const text = new vscode.MarkdownString("", true);
    text.isTrusted = { enabledCommands: ["codefactory.editor.chooseModel", "codefactory.editor.showLogs", "codefactory.editor.restartServer"] };
    const rows: [string, string][] = [
      [vscode.l10n.t("Server"), this.stateText()],
      [vscode.l10n.t("Model"), this.modelText()],
      [vscode.l10n.t("Spent"), this.spentText()],
    ];
    text.appendMarkdown(`**Code Factory**\n\n|  |  |\n|---|---|\n`);
    for (const [name, value] of rows) {
      text.appendMarkdown(`| ${name} &nbsp; | `).appendText(value).appendMarkdown(" |\n");
    }
    if (limited) {
      text.appendMarkdown(`\n$(workspace-untrusted) ${vscode.l10n.t("Limited: this workspace is not trusted.")}\n`);
    }
    for (const job of this.jobs.running) {
      text.appendMarkdown("\n$(sync~spin) ").appendText(`${job.title}: ${job.message}`).appendMarkdown("\n");
    }
    const links = [
      `[${vscode.l10n.t("Choose model")}](command:codefactory.editor.chooseModel)`,
      `[${vscode.l10n.t("Show log")}](command:codefactory.editor.showLogs)`,
      `[${vscode.l10n.t("Restart")}](command:codefactory.editor.restartServer)`,
    ];
    return text.appendMarkdown(`\n---\n\n${links.join(" &nbsp;·&nbsp; ")}`);
  }

  private stateText(): string {
    switch (this.state) {
      case "starting":
        return vscode.l10n.t("starting");
      case "running":
        return vscode.l10n.t("running");
      case "stopped":
        return vscode.l10n.t("stopped");
      case "failed":
        return vscode.l10n.t("failed; see the log");
    }
  }

  private modelText(): string {
    if (this.session?.missing) {
      return vscode.l10n.t("none: {0} is not installed", this.session.missing);
    }
    return this.session?.model ?? vscode.l10n.t("none, deterministic fixes only");
  }

  private spentText(): string {
    const spent = this.session?.spent;
    if (spent === undefined || spent.calls === 0) {
      return vscode.l10n.t("nothing in this session");
    }
    const unknown = spent.callsOfUnknownPrice + spent.callsOfUnknownUsage;
    const known = `$${spent.costUsd.toFixed(4)}`;
    if (unknown === spent.calls) {
      return vscode.l10n.t("{0} calls of unknown price", unknown);
    }
    return unknown === 0
      ? vscode.l10n.t("{0} in {1} calls", known, spent.calls)
      : vscode.l10n.t("{0} in {1} calls, and {2} of unknown price", known, spent.calls - unknown, unknown);
  }
}
