import * as vscode from "vscode";

/** When the user last typed, so that nothing takes the focus from somebody who is writing. */
export class Attention implements vscode.Disposable {
  private typedAt = 0;
  private readonly listening = vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
    if (contentChanges.length > 0 && document === vscode.window.activeTextEditor?.document) {
      this.typedAt = Date.now();
    }
  });

  hasTypedSince(time: number): boolean {
    return this.typedAt > time;
  }

  dispose(): void {
    this.listening.dispose();
  }
}
