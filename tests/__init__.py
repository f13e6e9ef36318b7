"""All tests. A folder whose tests share a running platform is a package, as pytest ends a fixture with its package."""
