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
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}.md` });
    this.texts.set(uri.path, markdown);
    this.changed.fire(uri);
    const where = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    await vscode.commands.executeCommand("vscode.openWith", uri, "vscode.markdown.preview.editor", where);
  }
}
