// What the tests' workspaces hold.

export const RULES = 'lint.select = ["E", "F", "S"]\n';

export const LOADER = `import os

import yaml


def load(path):
    with open(path) as file:
        return yaml.load(file, Loader=yaml.Loader)
`;

/** Two findings of one rule, in functions of their own. */
export const PAIR = `import yaml


def first(file):
    return yaml.load(file, Loader=yaml.Loader)


def second(file):
    return yaml.load(file, Loader=yaml.Loader)
`;

export const SESSIONS = `import json
import pickle


def version(data):
    return json.loads(data)["version"]


def session(data):
    return pickle.loads(data)


def restore(data):
    state = pickle.loads(data)
    return state
`;

/** The same findings in another text: what a model has answered once is answered from a cache. */
export const OTHER_SESSIONS = SESSIONS.replaceAll("version", "release");

const block = (search, replace) => `<<<<<<< SEARCH\n${search}=======\n${replace}>>>>>>> REPLACE\n`;

/** A model's reply that repairs either of them in three places. */
export const SESSIONS_REPAIR =
  block("import pickle\n", "") +
  block("def session(data):\n    return pickle.loads(data)\n", "def session(data):\n    return json.loads(data)\n") +
  block("    state = pickle.loads(data)\n", "    state = json.loads(data)\n");
