"""`python -m gradcheck` is `gradcheck`."""

from gradcheck_command import main

if __name__ == "__main__":
    main()
