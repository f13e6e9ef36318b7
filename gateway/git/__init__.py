"""The built-in git server: smart HTTP at `/git/<app>.git`, pushes that become runs while the pusher watches."""
