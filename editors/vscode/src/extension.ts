import * as vscode from "vscode";
import { registerCommands } from "./commands";
import { Attention } from "./attention";
import { Jobs } from "./jobs";
import { EditorModel } from "./languageModel";
import { ModelSupport } from "./modelSupport";
import { Notes } from "./notes";
import { Previews } from "./preview";
import { Secrets } from "./secrets";
import { Server } from "./server";
import { Status } from "./status";

const RESTART_SETTINGS = ["codefactory.interpreter", "codefactory.importStrategy", "codefactory.serverArguments"];

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Code Factory", { log: true });
  const trace = vscode.window.createOutputChannel("Code Factory Trace", { log: true });
  const modelSupport = new ModelSupport(context, log);
  server = new Server(context, log, trace, modelSupport);
  const jobs = new Jobs(server);
  const notes = new Notes();
  const attention = new Attention();
  const previews = new Previews(server, notes);
  const secrets = new Secrets(context.secrets, server);
  const editorModel = new EditorModel(log);
  const status = new Status(server, jobs);
  const version = String((context.extension.packageJSON as { version: string }).version);
  server.onWillStart((client) => editorModel.register(client));

  const current = server;
  context.subscriptions.push(
    log,
    trace,
    server,
    jobs,
    previews,
    notes,
    attention,
    status,
    registerCommands({
      server, jobs, previews, notes, attention, secrets, editorModel, modelSupport, status, log, version,
    }),
    server.onDidChangeState((state) => {
      if (state === "running") {
        void secrets.hand();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void current.restart()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (RESTART_SETTINGS.some((name) => event.affectsConfiguration(name))) {
        void current.restart();
      }
    }),
  );
  void server.start(); // activation does not wait for it
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
