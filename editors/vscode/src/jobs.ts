import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Job, Proposal } from "./protocol";
import type { Server } from "./server";

const KEPT_MS = 60_000;

/** Long work of the server: started by a command that returns at once, shown with a Cancel that really ends it. */
export class Jobs implements vscode.Disposable {
  private readonly latest = new Map<string, Job>();
  private readonly changed = new vscode.EventEmitter<Job>();
  readonly onDidChange = this.changed.event;

  constructor(private readonly server: Server) {
    server.onWillStart((client) => this.listen(client));
  }

  dispose(): void {
    this.changed.dispose();
  }

  get running(): Job[] {
    return [...this.latest.values()].filter((job) => job.state === "running");
  }

  /** Runs a server command as a job and waits for its end. Undefined when it was cancelled or failed: that was said. */
  async run(command: string, argument: object, title: string): Promise<Job | undefined> {
    const client = this.server.running;
    return vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      async (progress, token) => {
        const early = token.onCancellationRequested(() => undefined);
        const { job: id } = await this.server.execute<{ job: string }>(command, argument);
        early.dispose();
        const cancel = (): void => void this.server.execute("codefactory.cancel", { job: id });
        if (token.isCancellationRequested) {
          cancel();
        }
        const listening = token.onCancellationRequested(cancel);
        try {
          const job = await this.ended(id, client, (message) => progress.report({ message }));
          if (job.state === "failed") {
            void vscode.window.showWarningMessage(job.message);
          }
          return job.state === "done" ? job : undefined;
        } finally {
          listening.dispose();
        }
      },
    );
  }

  /** The proposals a job has made, as far as the server still keeps them. */
  async proposals({ result }: Job): Promise<Proposal[]> {
    const ids = result.proposals ?? (result.proposal === undefined ? [] : [result.proposal]);
    const asked = ids.map((id) => this.server.running.sendRequest<Proposal | null>("codefactory/proposal", { id }));
    return (await Promise.all(asked)).filter((proposal) => proposal !== null);
  }

  private listen(client: LanguageClient): void {
    for (const [id, job] of this.latest) {
      if (job.state === "running") {
        this.update(lost(id));
      }
    }
    client.onNotification("codefactory/job", (job: Job) => this.update(job));
  }

  private update(job: Job): void {
    this.latest.set(job.id, job);
    this.changed.fire(job);
    if (job.state !== "running") {
      setTimeout(() => this.latest.delete(job.id), KEPT_MS);
    }
  }

  private ended(id: string, client: LanguageClient, report: (message: string) => void): Promise<Job> {
    return new Promise((resolve) => {
      const look = (job: Job | undefined): boolean => {
        if (job?.id !== id) {
          return false;
        }
        if (job.state === "running") {
          report(job.message); // the last word is for whoever has asked for the job
          return false;
        }
        subscription.dispose();
        stopped.dispose();
        resolve(job);
        return true;
      };
      const subscription = this.onDidChange(look);
      const stopped = client.onDidChangeState(() => {
        if (!this.server.isRunning) {
          this.update(lost(id));
        }
      });
      look(this.latest.get(id)); // it may have ended before anybody listened
    });
  }
}

function lost(id: string): Job {
  const message = vscode.l10n.t("The server ended while it was working.");
  return { id, title: "", uri: null, state: "failed", message, result: {} };
}
