// Writes l10n/bundle.l10n.json: every text given to vscode.l10n.t in src. With --check, fails if it is not up to date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";

const FILE = "l10n/bundle.l10n.json";
const texts = new Set();
const visit = (node) => {
  if (ts.isCallExpression(node) && node.expression.getText().endsWith("l10n.t")) {
    texts.add(node.arguments[0].text);
  }
  node.forEachChild(visit);
};
for (const name of readdirSync("src").sort()) {
  visit(ts.createSourceFile(name, readFileSync(`src/${name}`, "utf8"), ts.ScriptTarget.Latest, true));
}
const bundle = `${JSON.stringify(Object.fromEntries([...texts].sort().map((text) => [text, text])), null, 2)}\n`;
if (!process.argv.includes("--check")) {
  writeFileSync(FILE, bundle);
} else if (readFileSync(FILE, "utf8") !== bundle) {
  console.error(`${FILE} is not up to date: run \`node l10n.mjs\`.`);
  process.exit(1);
}
