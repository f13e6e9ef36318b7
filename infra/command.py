"""`python -m infra.command`: the `sealane` command without the console script."""

from infra.main import main

if __name__ == "__main__":
    main()
