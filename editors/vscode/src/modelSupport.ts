import { execFile } from "node:child_process";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import type { Interpreter } from "./interpreter";

const run = promisify(execFile);
const READY = ".complete";

/**
 * litellm, which speaks to the providers that the server cannot speak to by itself. With what it needs it is six times as
 * large as the rest of the extension, so it is installed when it is first wanted, into the extension's own folder.
 */
export class ModelSupport {
  constructor(
    private readonly extension: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Where it is for this interpreter; undefined while it is not installed. */
  async folder(interpreter: Interpreter): Promise<string | undefined> {
    const folder = this.place(interpreter);
    return fs.access(path.join(folder, READY)).then(
      () => folder,
      () => undefined,
    );
  }

  /** Says what goes wrong, and what to do about it. True when it is there. */
  async install(interpreter: Interpreter): Promise<boolean> {
    const folder = this.place(interpreter);
    const title = vscode.l10n.t("Installing model support (litellm)");
    const [program = "python3", ...rest] = interpreter.command;
    const pins = path.join(this.extension.extensionPath, "bundled", "constraints.txt");
    const args = [...rest, "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--upgrade"];
    args.push("--only-binary", ":all:", "--target", folder, "-c", pins, "litellm");
    const location = vscode.ProgressLocation.Notification;
    return vscode.window.withProgress({ location, title, cancellable: true }, async (_, token) => {
      const aborting = new AbortController();
      const listening = token.onCancellationRequested(() => aborting.abort());
      try {
        this.log.info(`${program} ${args.join(" ")}`);
        const { stdout } = await run(program, args, { signal: aborting.signal, maxBuffer: 2 ** 26 });
        this.log.debug(stdout);
        await fs.writeFile(path.join(folder, READY), "");
        return true;
      } catch (error) {
        if (!token.isCancellationRequested) {
          await this.report(error);
        }
        return false;
      } finally {
        listening.dispose();
      }
    });
  }

  private async report(error: unknown): Promise<void> {
    const said = String((error as { stderr?: unknown }).stderr ?? error).trim();
    this.log.error(said);
    const noPip = said.includes("No module named pip");
    const showLog = vscode.l10n.t("Show Log");
    const message = noPip
      ? vscode.l10n.t("This Python has no pip, which installs litellm. Choose another one in codefactory.interpreter.")
      : vscode.l10n.t("litellm could not be installed: {0}", said.split("\n").pop() ?? "");
    if ((await vscode.window.showErrorMessage(message, showLog)) === showLog) {
      this.log.show(true);
    }
  }

  private place({ version }: Interpreter): string {
    const python = version.split(".").slice(0, 2).join("");
    return path.join(this.extension.globalStorageUri.fsPath, `model-support-cp${python}`);
  }
}
