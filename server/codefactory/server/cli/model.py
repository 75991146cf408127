"""What the command line says where no model is set."""

HOW_TO_GET_ONE = (
    "No model is configured, so only deterministic fixes were tried. To let a model try the rest, name one: "
    "--model openai/gpt-4o-mini, or any other that litellm knows; --api-base for a server of your own."
)
