// What client and server say to each other beyond the Language Server Protocol. See server/codefactory/server/features.

import type * as lsp from "vscode-languageclient/node";

export type JobState = "running" | "done" | "failed" | "cancelled";

export interface Job {
  readonly id: string;
  readonly title: string;
  readonly uri: string | null;
  readonly state: JobState;
  readonly message: string;
  /** A repair ends with the proposals it has made, or with the evidence of a refusal. */
  readonly result: {
    readonly proposal?: string;
    readonly proposals?: readonly string[];
    readonly refusal?: { readonly remaining: readonly unknown[]; readonly rounds: readonly unknown[] };
    readonly markdown?: string;
  };
}

/** One edit of the text before. */
export interface Hunk {
  readonly range: lsp.Range;
  readonly newText: string;
}

export interface Proposal {
  readonly id: string;
  readonly uri: string;
  readonly version: number | null;
  readonly before: string;
  readonly after: string;
  readonly hunks: readonly Hunk[];
  readonly safety: "safe" | "review";
  readonly origin: "fixers" | "model" | "both";
  readonly summary: string;
}

/** How applying ended. `status` is "applied" or says why nothing was changed. */
export interface Outcome {
  readonly status: string;
  readonly message: string;
}

/** For the status item. */
export interface SessionStatus {
  /** What is asked; null: deterministic fixes only. */
  readonly model: string | null;
  /** Why that model, or how to get one. */
  readonly modelWhy: string | null;
  /** The package without which the model in the settings cannot be asked. */
  readonly missing: "litellm" | null;
  readonly spent: {
    readonly calls: number;
    readonly costUsd: number;
    readonly callsOfUnknownPrice: number;
    readonly callsOfUnknownUsage: number;
  };
}
