// A provider of language models inside VS Code, for tests. What it answers is in the workspace's model.json: {reply?,
// error?, hang?}; what it was asked is appended to asked.jsonl.

const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");

exports.activate = (context) => {
  const folder = vscode.workspace.workspaceFolders[0].uri.fsPath;
  const note = (what) => fs.appendFileSync(path.join(folder, "asked.jsonl"), `${JSON.stringify(what)}\n`);
  context.subscriptions.push(
    vscode.lm.registerLanguageModelChatProvider("scripted", {
      provideLanguageModelChatInformation: () => [
        {
          id: "scripted-1",
          name: "Scripted One",
          family: "one",
          version: "1",
          maxInputTokens: 100_000,
          maxOutputTokens: 10_000,
          capabilities: {},
          isUserSelectable: true,
        },
      ],
      async provideLanguageModelChatResponse(_model, messages, _options, progress, token) {
        const script = JSON.parse(fs.readFileSync(path.join(folder, "model.json"), "utf8"));
        note({ roles: messages.map(({ role }) => role) });
        if (script.error) {
          throw vscode.LanguageModelError[script.error](script.message);
        }
        for (let at = 0; at < (script.reply ?? "").length; at += 20) {
          progress.report(new vscode.LanguageModelTextPart(script.reply.slice(at, at + 20)));
        }
        if (script.hang) {
          await new Promise((resolve) => token.onCancellationRequested(resolve));
          note({ cancelled: true });
        }
      },
      provideTokenCount: async (_model, text) => Math.ceil((typeof text === "string" ? text : JSON.stringify(text)).length / 4),
    }),
  );
};
