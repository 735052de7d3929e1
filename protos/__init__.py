"""The wire: *.proto and their generated stubs (`make proto`), checked in."""
