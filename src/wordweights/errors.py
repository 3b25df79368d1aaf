"""The error that a user sees: one paragraph that says what is wrong and what would be right."""


class WordweightsError(ValueError):
    """Raised for input, files and settings that cannot be used.

    The message is one paragraph for the user: it names the file, row or parameter and says what
    would be right. The command line prints it without a traceback.
    """
