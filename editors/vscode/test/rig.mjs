// A real VS Code in a real browser: one editor with its own data folder, workspace and extension, driven by Playwright.

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach } from "node:test";
import { eventually, PATIENCE_MS } from "./eventually.mjs";
import { commandLine, descendants } from "./processes.mjs";

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
  "workbench.editor.useModal": "off",
  "codefactory.model.name": "none",
};

export class Editor {
  /** Starts VS Code on a folder holding `files`, an object or a function of the folder's path. `trust: true` asks for
   *  workspace trust as a desktop would. */
  static async start({ files, settings = {}, trust = false, env = {}, more = [] }) {
    const editor = new Editor();
    try {
      await editor.launch({ files, settings, trust, env, more });
    } catch (error) {
      await editor.stop();
      throw error;
    }
    return editor;
  }

  async launch({ files, settings, trust, env, more }) {
    this.folder = await mkdtemp(path.join(tmpdir(), "codefactory-ui-"));
    this.workspace = path.join(this.folder, "workspace");
    const data = path.join(this.folder, "data");
    this.data = data;
    await mkdir(this.workspace);
    for (const [name, text] of Object.entries(typeof files === "function" ? files(this.workspace) : files)) {
      await mkdir(path.dirname(path.join(this.workspace, name)), { recursive: true });
      await writeFile(path.join(this.workspace, name), text);
    }
    await this.set(settings);
    const common = [
      ENTRY, "--user-data-dir", data, "--extensions-dir", await extensions([vsix, ...more]),
      "--config", path.join(this.folder, "config.yaml"),
    ];
    const homes = Object.fromEntries(
      ["CACHE", "CONFIG", "DATA", "STATE"].map((name) => [`XDG_${name}_HOME`, path.join(this.folder, "home", name)]),
    ); // nothing is left over from another run, as replies of a model
    this.port = await freePort();
    this.process = spawn(
      process.execPath,
      [
        ...common, "--auth", "none", "--bind-addr", `127.0.0.1:${this.port}`, "--disable-telemetry",
        "--disable-update-check", "--disable-getting-started-override", "--reconnection-grace-time", "5",
        ...(trust ? [] : ["--disable-workspace-trust"]),
        this.workspace,
      ],
      { stdio: "ignore", detached: true, env: { ...process.env, PYTHONDONTWRITEBYTECODE: undefined, ...homes, ...env } },
    );
    process.on("exit", this.kill);
    await healthy(this.port);
    this.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: CHROMIUM_ARGUMENTS });
    const context = await this.browser.newContext({ viewport: { width: 1360, height: 860 } });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    this.page = await context.newPage();
    this.page.setDefaultTimeout(PATIENCE_MS);
    await this.page.goto(`http://127.0.0.1:${this.port}/?folder=${encodeURIComponent(this.workspace)}`);
    await this.page.locator(".monaco-workbench").waitFor();
  }

  async stop() {
    await this.browser?.close();
    this.kill();
    process.off("exit", this.kill);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  kill = () => {
    try {
      process.kill(-this.process.pid, "SIGTERM");
    } catch {
      // it has not started, or has ended by itself
    }
  };

  /** The user's settings, besides those that keep the editor quiet. */
  async set(settings) {
    for (const place of ["User", "Machine"]) {
      // The editor runs as a remote one, which reads what names programs and endpoints from its machine's settings.
      await mkdir(path.join(this.data, place), { recursive: true });
      await writeFile(path.join(this.data, place, "settings.json"), JSON.stringify({ ...USER_SETTINGS, ...settings }));
    }
  }

  /** Opens a file, and does not wait until it is there. */
  async quickOpen(name) {
    const input = await this.ask("Control+P");
    await input.fill(name);
    await this.page.locator(".quick-input-list .monaco-list-row.focused", { hasText: path.basename(name) }).waitFor();
    await this.page.keyboard.press("Enter");
  }

  /** The input that a key opens; an editor that has just started does not hear every key. */
  async ask(key) {
    const input = this.page.locator(".quick-input-widget input");
    await eventually(
      async () => {
        await this.page.keyboard.press(key);
        return input.waitFor({ timeout: 5_000 }).then(() => true, () => false);
      },
      { what: `${key} opens its input` },
    );
    return input;
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
    const input = await this.ask("F1");
    await input.fill(`>${title}`);
    await this.page.locator(".quick-input-list .monaco-list-row.focused", { hasText: title }).waitFor();
    await this.page.keyboard.press("Enter");
  }

  async goTo(line, column = 1) {
    const input = await this.ask("Control+G");
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
    await this.page.evaluate(() => {
      const ends = document.getAnimations().filter((a) => a.effect?.getComputedTiming().endTime !== Infinity);
      return Promise.race([Promise.allSettled(ends.map((a) => a.finished)), new Promise((done) => setTimeout(done, 2000))]);
    });
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

  async type(text) {
    await this.page.keyboard.type(text);
  }

  async lineIs(number, text) {
    await eventually(async () => (await this.lines())[number - 1] === text, { what: `line ${number} is ${text}` });
  }

  async showProblems() {
    if (!(await this.page.locator(".markers-panel").isVisible())) {
      await this.page.keyboard.press("Control+Shift+M");
      await this.page.locator(".markers-panel").waitFor();
    }
  }

  /** The rules in the Problems panel. */
  async codes() {
    const rows = await this.page.locator(".markers-panel .monaco-list-row").allTextContents();
    return rows.flatMap((row) => /([A-Z]+\d+)/.exec(row)?.[1] ?? []);
  }

  async codesAre(...wanted) {
    await this.showProblems();
    const what = `the Problems panel has ${wanted}`;
    await eventually(async () => (await this.codes()).sort().join() === wanted.sort().join(), { what });
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
        await item.hover({ timeout: 2000 }).catch(() => undefined); // something may lie above it, and go
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

/** In each group of tests: a screenshot of what a failed test saw, and an end there if that is wanted. */
export function watch(editor) {
  afterEach(async (context) => {
    if (!context.passed) {
      await editor()?.screenshot(`failed-${context.name.replaceAll(/\W+/g, "-")}`).catch(() => undefined);
      if (process.env.CODEFACTORY_BAIL) {
        await editor()?.stop();
        process.exit(1);
      }
    }
  });
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
