import * as vscode from "vscode";

const SCHEME = "codefactory-note";

/** Markdown of the server (evidence, explanations), rendered by VS Code beside what it is about. */
export class Notes implements vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly provider = vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    onDidChange: this.changed.event,
    provideTextDocumentContent: (uri) => this.texts.get(uri.path) ?? "",
  });

  dispose(): void {
    vscode.Disposable.from(this.provider, this.changed).dispose();
  }

  /** Shows `markdown` beside the active editor, which keeps the focus. `name` is what its tab says. */
  async show(name: string, markdown: string): Promise<void> {
    const uri = this.update(name, markdown);
    const alone = vscode.window.tabGroups.all.length === 1;
    const where = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    await vscode.commands.executeCommand("vscode.openWith", uri, "vscode.markdown.preview.editor", where);
    if (alone) {
      // What it is about needs more room than the note.
      await vscode.commands.executeCommand("vscode.setEditorLayout", { orientation: 0, groups: [{ size: 0.64 }, { size: 0.36 }] });
    }
  }

  /** Changes what a note says, wherever it is shown. */
  update(name: string, markdown: string): vscode.Uri {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}` });
    this.texts.set(uri.path, markdown);
    this.changed.fire(uri);
    return uri;
  }
}
