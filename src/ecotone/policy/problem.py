"""What is wrong with the owner's words about data, content and rules."""

Path = tuple[str | int, ...]


class PolicyProblem(ValueError):
    """A setting that cannot be honoured. `path` are the keys to it inside the config, as in
    `("data", "patterns", "project", "pattern")`; whoever read the file turns them into a place in it."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
