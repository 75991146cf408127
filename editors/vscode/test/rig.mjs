// A real VS Code in a real browser: one editor with its own data folder, workspace and extension, driven by Playwright.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

const here = import.meta.dirname;
export const root = path.resolve(here, "../../..");
/** This checkout's own Python, with everything installed. */
export const python = path.join(root, ".venv/bin/python");
const rig = process.env.CODEFACTORY_RIG ?? path.join(root, ".rig");
const ENTRY = path.join(rig, "node_modules/code-server/out/node/entry.js");
const require = createRequire(path.join(rig, "package.json"));
const { chromium } = require("playwright-core");

export const artifacts = process.env.CODEFACTORY_ARTIFACTS ?? path.join(root, "artifacts/vscode");
export const vsix = process.env.CODEFACTORY_VSIX ?? path.resolve(here, "../codefactory.vsix");

const CHROMIUM_ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

const USER_SETTINGS = {
  "workbench.startupEditor": "none",
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "git.enabled": false,
  "files.autoSave": "off",
  "files.simpleDialog.enable": true,
  "workbench.reduceMotion": "on",
};

export class Editor {
  /** Starts VS Code on a folder holding `files`. `trust: true` asks for workspace trust as a desktop would. */
  static async start({ files, settings = {}, trust = false, env = {}, more = [] }) {
    const editor = new Editor();
    editor.folder = await mkdtemp(path.join(tmpdir(), "codefactory-ui-"));
    editor.workspace = path.join(editor.folder, "workspace");
    const data = path.join(editor.folder, "data");
    await mkdir(path.join(data, "User"), { recursive: true });
    await mkdir(editor.workspace);
    for (const [name, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(editor.workspace, name)), { recursive: true });
      await writeFile(path.join(editor.workspace, name), text);
    }
    await mkdir(path.join(data, "Machine"), { recursive: true });
    for (const place of ["User", "Machine"]) {
      // The editor runs as a remote one, which reads what names programs and endpoints from its machine's settings.
      await writeFile(path.join(data, place, "settings.json"), JSON.stringify({ ...USER_SETTINGS, ...settings }));
    }
    const common = [
      ENTRY, "--user-data-dir", data, "--extensions-dir", await extensions([vsix, ...more]),
      "--config", path.join(editor.folder, "config.yaml"),
    ];
    editor.port = await freePort();
    editor.process = spawn(
      process.execPath,
      [
        ...common, "--auth", "none", "--bind-addr", `127.0.0.1:${editor.port}`, "--disable-telemetry",
        "--disable-update-check", "--disable-getting-started-override", "--reconnection-grace-time", "5",
        ...(trust ? [] : ["--disable-workspace-trust"]),
        editor.workspace,
      ],
      { stdio: "ignore", detached: true, env: { ...process.env, ...env } },
    );
    await healthy(editor.port);
    editor.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: CHROMIUM_ARGUMENTS });
    const context = await editor.browser.newContext({ viewport: { width: 1360, height: 860 } });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    editor.page = await context.newPage();
    editor.page.setDefaultTimeout(15_000);
    await editor.page.goto(`http://127.0.0.1:${editor.port}/?folder=${encodeURIComponent(editor.workspace)}`);
    await editor.page.locator(".monaco-workbench").waitFor({ timeout: 60_000 });
    return editor;
  }

  async stop() {
    await this.browser?.close();
    try {
      process.kill(-this.process.pid, "SIGTERM");
    } catch {
      // it has ended by itself
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** Opens a file, and does not wait until it is there. */
  async quickOpen(name) {
    await this.page.keyboard.press("Control+P");
    const input = this.page.locator(".quick-input-widget input");
    await input.fill(name);
    await this.page.locator(".quick-input-list .monaco-list-row.focused", { hasText: path.basename(name) }).waitFor();
    await this.page.keyboard.press("Enter");
  }

  async openFile(name) {
    await this.quickOpen(name);
    await this.page.locator(`.tab.active[data-resource-name="${path.basename(name)}"]`).first().waitFor();
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
    await this.focusEditor();
  }

  async focusEditor() {
    await this.page.keyboard.press("Control+1");
    await this.page.locator(".editor-instance .monaco-editor.focused").first().waitFor();
  }

  async run(title) {
    await this.page.keyboard.press("F1");
    const input = this.page.locator(".quick-input-widget input");
    await input.fill(`>${title}`);
    await this.page.locator(".quick-input-list .monaco-list-row.focused", { hasText: title }).waitFor();
    await this.page.keyboard.press("Enter");
  }

  async goTo(line, column = 1) {
    await this.page.keyboard.press("Control+G");
    const input = this.page.locator(".quick-input-widget input");
    await input.fill(`:${line}:${column}`);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  }

  /** The lines on the screen, in order, with plain spaces. */
  async lines() {
    const rows = await this.page.locator(".editor-instance .view-lines").first().locator(".view-line").evaluateAll((all) =>
      all.map((row) => [Number.parseInt(row.style.top, 10), row.textContent.replaceAll("\u00a0", " ")]),
    );
    return rows.sort((a, b) => a[0] - b[0]).map(([, text]) => text);
  }

  async text() {
    return (await this.lines()).join("\n");
  }

  /** How many changes the diff editor shows, from its own markers. */
  async changes() {
    return this.page.evaluate(() => {
      const tops = new Set();
      for (const line of document.querySelectorAll(".monaco-diff-editor .gutter-delete, .monaco-diff-editor .gutter-insert, .monaco-diff-editor .inline-deleted-margin-view-zone, .monaco-diff-editor .delete-sign, .monaco-diff-editor .insert-sign")) {
        tops.add(Math.round(line.getBoundingClientRect().top / 19));
      }
      const rows = [...tops].sort((a, b) => a - b);
      return rows.filter((row, at) => at === 0 || row > rows[at - 1] + 1).length;
    });
  }

  async save() {
    await this.page.keyboard.press("Control+S");
  }

  async onDisk(name) {
    return readFile(path.join(this.workspace, name), "utf8");
  }

  async screenshot(name) {
    await mkdir(artifacts, { recursive: true });
    await this.page.screenshot({ path: path.join(artifacts, `${name}.png`) });
  }

  /** A part of the window for the walkthrough and the README, made when CODEFACTORY_PICTURES is set. */
  async picture(name, clip) {
    if (process.env.CODEFACTORY_PICTURES) {
      await this.page.mouse.move(10, 400);
      await this.page.screenshot({ path: path.resolve(here, `../walkthrough/${name}.png`), clip });
    }
  }

  /** Server processes that this editor has started, without their workers. */
  servers() {
    return descendants(this.process.pid).filter((pid) => commandLine(pid).includes("--stdio"));
  }

  squiggles() {
    return this.page.locator(".squiggly-warning, .squiggly-error, .squiggly-info");
  }

  notification(text) {
    return this.page.locator(".notification-toast", { hasText: text });
  }

  /** Waits until the status item's hover says `text`. */
  async statusHas(text) {
    const item = this.page.locator(".statusbar-item", { hasText: "Code Factory" });
    const hover = this.page.locator(".monaco-hover", { hasText: text });
    await eventually(
      async () => {
        await this.page.mouse.move(10, 400);
        await item.hover();
        return hover.waitFor({ timeout: 2000 }).then(() => true, () => false);
      },
      { what: `the status says ${text}` },
    );
  }

  tab(name) {
    return this.page.locator(".tab", { hasText: name });
  }

  /** The document that a note is rendered into. */
  note() {
    return this.page.frameLocator("iframe.webview").frameLocator("iframe#active-frame").locator("body");
  }
}

/** Waits until `look` gives something true; fails with what it gave last. */
export async function eventually(look, { timeout = 20_000, what = String(look) } = {}) {
  const end = Date.now() + timeout;
  let last;
  while (Date.now() < end) {
    last = await look();
    if (last) {
      return last;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not within ${timeout} ms: ${what}; last: ${JSON.stringify(last)}`);
}

/** Installs extensions into a folder that the editors of this process share. */
const installed = new Map();
function extensions(packages) {
  const key = packages.join();
  if (!installed.has(key)) {
    installed.set(key, install(packages));
  }
  return installed.get(key);
}

async function install(packages) {
  const folder = await mkdtemp(path.join(tmpdir(), "codefactory-extensions-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const where = ["--extensions-dir", folder, "--user-data-dir", path.join(folder, ".data"), "--config", path.join(folder, ".config.yaml")];
  for (const file of packages) {
    await finished(spawn(process.execPath, [ENTRY, ...where, "--install-extension", file, "--force"], { stdio: "ignore" }));
  }
  return folder;
}

/** The processes below one. Linux only. */
function descendants(pid) {
  const parents = new Map();
  for (const name of readdirSync("/proc").filter((n) => /^\d+$/.test(n))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // it has ended
    }
  }
  const below = (root) => [...parents].filter(([, parent]) => parent === root).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** tests/scripted_server.py with these steps. */
export class ScriptedModel {
  static async start(steps) {
    const model = new ScriptedModel();
    model.folder = await mkdtemp(path.join(tmpdir(), "codefactory-model-"));
    const script = path.join(model.folder, "steps.json");
    await writeFile(script, JSON.stringify(steps));
    model.process = spawn(python, [path.join(root, "tests/scripted_server.py"), "--script", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    model.requests = [];
    const lines = createInterface({ input: model.process.stdout });
    model.url = await new Promise((resolve) => {
      lines.on("line", (line) => {
        const data = JSON.parse(line);
        data.url ? resolve(data.url) : model.requests.push(data);
      });
    });
    return model;
  }

  async stop() {
    this.process.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function finished(child) {
  const code = await new Promise((resolve) => child.on("exit", resolve));
  if (code !== 0) {
    throw new Error(`${child.spawnargs.join(" ")} ended with ${code}`);
  }
}

async function healthy(port) {
  await eventually(
    async () => (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined))?.ok,
    { timeout: 60_000, what: "the editor's server answers" },
  );
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
