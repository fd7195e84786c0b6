"""``python -m breastcad`` is the command ``breastcad``."""

from breastcad.commands import main

if __name__ == "__main__":
    main()
