import * as path from "node:path";
import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  TransportKind,
  type ClientCapabilities,
  type FeatureState,
  type LanguageClientOptions,
  type ServerOptions,
  type StaticFeature,
} from "vscode-languageclient/node";
import { bundledPythons, findInterpreter, MINIMUM, type Interpreter } from "./interpreter";
import type { ModelSupport } from "./modelSupport";

const MAX_CRASHES = 3;
const CRASH_WINDOW_MS = 3 * 60_000;
const BACKOFF_MS = [0, 1_000, 5_000] as const;

/** Settings of the extension itself: the server does not know them. */
const OWN = new Set(["interpreter", "importStrategy", "serverArguments", "previewBeforeApply", "trace"]);

export type ServerState = "starting" | "running" | "stopped" | "failed";

/**
 * Starts, restarts and stops the language server. One operation at a time: a restart asked for during a start waits.
 * A crash restarts it after a pause that grows; the third within three minutes stops it and offers the log.
 */
export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private queue: Promise<void> = Promise.resolve();
  private crashes: number[] = [];
  private restartTimer: NodeJS.Timeout | undefined;
  private stopping = false;
  private waitingRestart: Promise<void> | undefined;
  private readonly changed = new vscode.EventEmitter<ServerState>();
  private readonly started = new vscode.EventEmitter<LanguageClient>();

  readonly onDidChangeState = this.changed.event;
  /** Fires with each new client before it starts, so that handlers are there for its first message. */
  readonly onWillStart = this.started.event;

  interpreter: Interpreter | undefined;

  constructor(
    private readonly extension: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly trace: vscode.LogOutputChannel,
    private readonly modelSupport: ModelSupport,
  ) {}

  /** The running client. Throws when there is none, with what to do about it. */
  get running(): LanguageClient {
    if (this.client?.state !== State.Running) {
      throw new Error(vscode.l10n.t("The Code Factory server is not running. See “Code Factory: Show Logs”."));
    }
    return this.client;
  }

  /** Runs a command of the server. */
  execute<T>(command: string, argument: object): Promise<T> {
    return this.running.sendRequest<T>("workspace/executeCommand", { command, arguments: [argument] });
  }

  get isRunning(): boolean {
    return this.client?.state === State.Running;
  }

  start(): Promise<void> {
    return this.enqueue(() => this.launch());
  }

  /** A restart that has not begun yet does for all who ask for one. */
  restart(): Promise<void> {
    this.crashes = [];
    this.waitingRestart ??= this.enqueue(async () => {
      this.waitingRestart = undefined;
      await this.shutDown();
      await this.launch();
    });
    return this.waitingRestart;
  }

  stop(): Promise<void> {
    return this.enqueue(() => this.shutDown());
  }

  dispose(): void {
    clearTimeout(this.restartTimer);
    this.changed.dispose();
    this.started.dispose();
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(work, work);
    return this.queue;
  }

  private async launch(): Promise<void> {
    if (this.client !== undefined) {
      return;
    }
    this.changed.fire("starting");
    const fits = this.bundled ? await bundledPythons(this.extension.extensionPath) : undefined;
    const found = await findInterpreter(vscode.workspace.workspaceFolders?.[0]?.uri, fits);
    if (!("command" in found)) {
      this.changed.fire("failed");
      void this.reportNoInterpreter(found.tried, fits);
      return;
    }
    this.interpreter = found;
    this.log.info(`Python ${found.version} from ${found.origin}: ${found.command.join(" ")}`);
    const client = new QuietClient("codefactory", "Code Factory", await this.serverOptions(found), this.clientOptions());
    this.client = client;
    client.onDidChangeState(({ newState }) => {
      if (newState === State.Running) {
        this.changed.fire("running");
      } else if (newState === State.Stopped && !this.stopping && this.client === client) {
        this.crashed();
      }
    });
    client.registerFeature(new WithoutWorkDoneProgress());
    this.started.fire(client);
    try {
      await client.start();
    } catch (error) {
      this.log.error(`The server did not start: ${String(error)}`);
      if (this.client === client) {
        this.crashed();
      }
    }
  }

  private async shutDown(): Promise<void> {
    clearTimeout(this.restartTimer);
    const client = this.client;
    this.client = undefined;
    if (client === undefined) {
      return;
    }
    this.stopping = true;
    try {
      await client.stop(5_000);
    } catch (error) {
      this.log.warn(`The server did not stop in order: ${String(error)}`);
    } finally {
      this.stopping = false;
      void client.dispose().catch(() => undefined);
      this.changed.fire("stopped");
    }
  }

  private crashed(): void {
    const client = this.client;
    this.client = undefined;
    void client?.dispose().catch(() => undefined);
    const now = Date.now();
    this.crashes = [...this.crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
    if (this.crashes.length >= MAX_CRASHES) {
      this.changed.fire("failed");
      void this.reportCrashes();
      return;
    }
    const pause = BACKOFF_MS[this.crashes.length] ?? 5_000;
    this.log.warn(`The server ended unexpectedly; starting it again in ${pause} ms.`);
    const said = vscode.window.setStatusBarMessage(vscode.l10n.t("Code Factory's server ended unexpectedly and is restarting…"));
    const over = this.onDidChangeState((state) => {
      if (state !== "starting") {
        over.dispose();
        said.dispose();
      }
    });
    this.changed.fire("starting");
    this.restartTimer = setTimeout(() => void this.start(), pause);
  }

  private async reportCrashes(): Promise<void> {
    const showLog = vscode.l10n.t("Show Log");
    const restart = vscode.l10n.t("Restart");
    const answer = await vscode.window.showErrorMessage(
      vscode.l10n.t("Code Factory's server ended {0} times within three minutes and was not started again.", MAX_CRASHES),
      showLog,
      restart,
    );
    if (answer === showLog) {
      this.log.show(true);
    } else if (answer === restart) {
      await this.restart();
    }
  }

  private async reportNoInterpreter(tried: readonly string[], fits?: readonly string[]): Promise<void> {
    for (const line of tried) {
      this.log.error(line);
    }
    const settings = vscode.l10n.t("Open Settings");
    const answer = await vscode.window.showErrorMessage(
      fits === undefined
        ? vscode.l10n.t("Code Factory needs Python {0} or newer. {1}.", MINIMUM.join("."), tried.join("; "))
        : vscode.l10n.t("Code Factory needs a Python from {0} to {1}. {2}.", fits[0] ?? "", fits.at(-1) ?? "", tried.join("; ")),
      settings,
    );
    if (answer === settings) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "codefactory.interpreter");
    }
  }

  private get bundled(): boolean {
    return vscode.workspace.getConfiguration("codefactory").get("importStrategy") !== "fromEnvironment";
  }

  private async serverOptions(interpreter: Interpreter): Promise<ServerOptions> {
    const configuration = vscode.workspace.getConfiguration("codefactory");
    const [command = "python3", ...rest] = interpreter.command;
    const libs = this.bundled ? await this.modelSupport.folder(interpreter) : undefined;
    const entry = this.bundled
      ? [path.join(this.extension.extensionPath, "bundled", "server.py")]
      : ["-m", "codefactory.server"];
    const args = [...rest, "-I", ...entry, ...(libs === undefined ? [] : ["--model-libs", libs])];
    args.push(...configuration.get<string[]>("serverArguments", []));
    const cwd = this.extension.extensionPath; // never the workspace
    return { command, args, transport: TransportKind.stdio, options: { cwd } };
  }

  private clientOptions(): LanguageClientOptions {
    const languages = ["python", "javascript", "javascriptreact", "typescript", "typescriptreact", "java", "go", "rust"];
    return {
      documentSelector: [
        ...languages.flatMap((language) => ["file", "untitled"].map((scheme) => ({ scheme, language }))),
      ],
      outputChannel: this.log,
      traceOutputChannel: this.trace,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationFailedHandler: (error) => {
        this.log.error(String(error));
        return false;
      },
      middleware: {
        workspace: {
          configuration: async (params, token, next) => {
            const answers = await next(params, token);
            return Array.isArray(answers) ? answers.map(serverSettings) : answers;
          },
        },
      },
      initializationOptions: {
        trusted: vscode.workspace.isTrusted,
        preview: true,
        notifications: true,
        editorModels: true,
        hoversShowDiagnostics: true,
      },
      synchronize: {
        fileEvents: vscode.workspace.createFileSystemWatcher(
          "**/{pyproject.toml,ruff.toml,.ruff.toml,bandit.yaml,bandit.yml,.bandit}",
        ),
      },
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue }),
        // Restarting is ours: see `crashed`.
        closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
      },
    };
  }
}

/** What goes wrong is said once, by `Server`; the client's own words go to the log. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** Jobs are shown as notifications with a Cancel: the status bar need not tell them a second time. */
class WithoutWorkDoneProgress implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    capabilities.window = { ...capabilities.window, workDoneProgress: false };
  }

  initialize(): void {
    // nothing to do
  }

  getState(): FeatureState {
    return { kind: "static" };
  }

  clear(): void {
    // nothing to do
  }
}

function serverSettings(answer: unknown): unknown {
  return typeof answer === "object" && answer !== null
    ? Object.fromEntries(Object.entries(answer).filter(([name]) => !OWN.has(name)))
    : answer;
}
