"""Rules of analytics: periods, sums, streaks and charts, as pure functions over messages and plain values."""
