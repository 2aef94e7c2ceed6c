"""The rules of a config at hand: shown, tested, tried on a text and proved, and the requests that they refused."""
