"""`python -m rlm_runtime` is `rlm`."""

from rlm_runtime._cli import main

if __name__ == "__main__":
    main()
