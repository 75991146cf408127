import * as vscode from "vscode";
import { hunkAt, placesOf, proposedText, type Decision } from "./hunks";
import type { Notes } from "./notes";
import type { Outcome, Proposal } from "./protocol";
import type { Server } from "./server";

const SCHEME = "codefactory-proposal";

/** Marks the left side of a diff whose document has moved on since the proposal was made. */
const BEFORE = "before";

interface ShownEvidence {
  readonly json: { readonly id: string };
  readonly markdown: string;
}

interface Preview {
  readonly proposal: Proposal;
  /** One for each hunk. */
  readonly decisions: Decision[];
}

/**
 * Shows proposals in VS Code's own diff editor: the document on the left, the proposed text on the right. Nothing
 * reaches the document before a gesture, and then only through the server, which checks what is left of the proposal
 * again.
 */
export class Previews implements vscode.Disposable, vscode.TextDocumentContentProvider {
  private readonly open = new Map<string, Preview>();
  private readonly waiting: Proposal[] = [];
  /** The proposal that the evidence beside the editor is about. */
  private shownEvidence: string | undefined;
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly marks = vscode.window.createTextEditorDecorationType({
    after: { color: new vscode.ThemeColor("editorCodeLens.foreground"), margin: "0 0 0 2em" },
  });
  private readonly disposables: vscode.Disposable[];
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly server: Server,
    private readonly notes: Notes,
  ) {
    this.disposables = [
      this.changed,
      this.marks,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
        this.forget(closed);
        void this.updateContext();
      }),
      vscode.window.tabGroups.onDidChangeTabGroups(() => void this.updateContext()),
      vscode.window.onDidChangeVisibleTextEditors(() => this.mark()),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document.uri.scheme === SCHEME) {
          this.mark();
        }
      }),
    ];
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    const preview = this.open.get(idOf(uri));
    if (preview === undefined) {
      return "";
    }
    const { proposal, decisions } = preview;
    return uri.query === BEFORE
      ? proposedText(proposal, decisions.map((decision) => (decision === "open" ? "rejected" : decision)))
      : proposedText(proposal, decisions);
  }

  /** Shows the first proposal; each one that is settled makes room for the next. */
  async review(proposals: readonly Proposal[]): Promise<void> {
    const [first, ...others] = proposals;
    if (first !== undefined) {
      this.waiting.push(...others);
      await this.show(first);
    }
  }

  /** Opens the evidence of a proposal, or of the latest one. False when there is none. */
  async showEvidence(which: { readonly proposal?: string; readonly uri?: string }): Promise<boolean> {
    const found = await this.evidence(which);
    if (found !== null) {
      this.shownEvidence = found.json.id;
      await this.notes.show(vscode.l10n.t("Evidence"), found.markdown);
    }
    return found !== null;
  }

  /** Applies one change (by number, else the one at the cursor), or all that are still open. */
  async accept(which: "hunk" | "all", hunk?: number): Promise<void> {
    const preview = this.active();
    const chosen = preview && this.choose(preview, which, hunk);
    if (preview === undefined || chosen === undefined) {
      return;
    }
    const argument = { proposal: preview.proposal.id, hunks: chosen };
    const outcome = await this.server.execute<Outcome>("codefactory.applyProposal", argument);
    if (outcome.status === "applied") {
      await this.decide(preview, chosen, "accepted");
    } // else the server has said why
  }

  /** Takes one change out of the proposal, or all that are still open. */
  async reject(which: "hunk" | "all", hunk?: number): Promise<void> {
    const preview = this.active();
    const chosen = preview && this.choose(preview, which, hunk);
    if (preview !== undefined && chosen !== undefined) {
      const argument = { proposal: preview.proposal.id, hunks: chosen };
      await this.server.execute("codefactory.discardProposal", argument);
      await this.decide(preview, chosen, "rejected");
    }
  }

  async updateContext(): Promise<void> {
    await vscode.commands.executeCommand("setContext", "codefactory.previewing", this.active() !== undefined);
  }

  /** The id of the proposal in the active diff editor. */
  get activeId(): string | undefined {
    return this.active()?.proposal.id;
  }

  private async show(proposal: Proposal): Promise<void> {
    this.open.set(proposal.id, { proposal, decisions: proposal.hunks.map(() => "open") });
    const document = vscode.Uri.parse(proposal.uri);
    const left = this.waiting.length;
    const more = left > 0 ? vscode.l10n.t(" ({0} more)", left) : "";
    // A document that was edited meanwhile would show those edits as taken back.
    const current = (await vscode.workspace.openTextDocument(document)).getText() === proposal.before;
    await vscode.commands.executeCommand(
      "vscode.diff",
      current ? document : proposalUri(proposal, BEFORE),
      proposalUri(proposal),
      vscode.l10n.t("{0}: proposal{1}", nameOf(document), more),
      { preview: true, viewColumn: vscode.ViewColumn.Active } satisfies vscode.TextDocumentShowOptions,
    );
    await this.updateContext();
    await this.showEvidence({ proposal: proposal.id });
  }

  private choose(preview: Preview, which: "hunk" | "all", hunk?: number): number[] | undefined {
    const open = [...preview.decisions.keys()].filter((index) => preview.decisions[index] === "open");
    if (which === "all") {
      return open;
    }
    if (hunk !== undefined && open.includes(hunk)) {
      return [hunk];
    }
    const editor = vscode.window.activeTextEditor;
    const uri = editor?.document.uri;
    const side = uri?.scheme === SCHEME && uri.query !== BEFORE ? "right" : "left";
    const places = placesOf(preview.proposal, preview.decisions, side);
    const at = editor && hunkAt(places, preview.decisions, editor.selection.active.line);
    if (at === undefined) {
      void vscode.window.showInformationMessage(vscode.l10n.t("Place the cursor on the change that you mean."));
      return undefined;
    }
    return [at];
  }

  private async decide(preview: Preview, chosen: readonly number[], decision: Decision): Promise<void> {
    const { proposal, decisions } = preview;
    for (const index of chosen) {
      decisions[index] = decision;
    }
    await this.updateEvidence(proposal);
    if (decisions.includes("open")) {
      this.changed.fire(proposalUri(proposal));
      this.changed.fire(proposalUri(proposal, BEFORE));
      this.mark();
      return;
    }
    const next = this.waiting.shift();
    if (next !== undefined) {
      await this.close(proposal);
      await this.show(next);
      return;
    }
    await vscode.window.showTextDocument(vscode.Uri.parse(proposal.uri), { preview: false });
    await this.close(proposal);
  }

  private evidence(which: object): Promise<ShownEvidence | null> {
    return this.server.execute("codefactory.showEvidence", which);
  }

  /** Brings the evidence beside the editor up to date with what was decided. */
  private async updateEvidence({ id }: Proposal): Promise<void> {
    const found = this.shownEvidence === id ? await this.evidence({ proposal: id }) : null;
    if (found !== null) {
      this.notes.update(vscode.l10n.t("Evidence"), found.markdown);
    }
  }

  /** Says beside each open hunk what can be done with it. */
  private mark(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      const { uri } = editor.document;
      const preview = uri.scheme === SCHEME && uri.query !== BEFORE ? this.open.get(idOf(uri)) : undefined;
      if (preview === undefined) {
        continue;
      }
      const places = placesOf(preview.proposal, preview.decisions, "right");
      const marks = places.flatMap(({ start }, index) => {
        if (preview.decisions[index] !== "open") {
          return [];
        }
        const { range } = editor.document.lineAt(Math.min(start, editor.document.lineCount - 1));
        return [{ range, hoverMessage: links(index), renderOptions: hint() }];
      });
      editor.setDecorations(this.marks, marks);
    }
  }

  private active(): Preview | undefined {
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    if (input instanceof vscode.TabInputTextDiff && input.modified.scheme === SCHEME) {
      return this.open.get(idOf(input.modified));
    }
    return undefined;
  }

  private async close(proposal: Proposal): Promise<void> {
    const uri = proposalUri(proposal).toString();
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    const ours = tabs.filter(
      ({ input }) => input instanceof vscode.TabInputTextDiff && input.modified.toString() === uri,
    );
    await vscode.window.tabGroups.close(ours, true);
    this.open.delete(proposal.id);
    await this.updateContext();
  }

  private forget(tabs: readonly vscode.Tab[]): void {
    for (const { input } of tabs) {
      if (input instanceof vscode.TabInputTextDiff && input.modified.scheme === SCHEME) {
        this.open.delete(idOf(input.modified));
      }
    }
  }
}

function hint(): vscode.DecorationInstanceRenderOptions {
  const key = process.platform === "darwin" ? "⌘" : "Ctrl+";
  return { after: { contentText: `✓ ${key}↵  ✗ ${key}⌫` } }; // short: what does not fit is cut off
}

function links(hunk: number): vscode.MarkdownString {
  const link = (command: string, text: string): string =>
    `[${text}](command:codefactory.editor.${command}?${encodeURIComponent(JSON.stringify([hunk]))})`;
  const accept = link("acceptHunk", `$(check) ${vscode.l10n.t("Accept this change")}`);
  const reject = link("rejectHunk", `$(close) ${vscode.l10n.t("Reject this change")}`);
  const text = new vscode.MarkdownString(`${accept} &nbsp; ${reject}`, true);
  text.isTrusted = { enabledCommands: ["codefactory.editor.acceptHunk", "codefactory.editor.rejectHunk"] };
  return text;
}

function nameOf(uri: vscode.Uri): string {
  return uri.path.split("/").pop() ?? uri.path;
}

function proposalUri(proposal: Proposal, query = ""): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: `/${proposal.id}${vscode.Uri.parse(proposal.uri).path}`, query });
}

function idOf(uri: vscode.Uri): string {
  return uri.path.split("/")[1] ?? "";
}
