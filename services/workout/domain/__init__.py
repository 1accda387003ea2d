"""Rules of workouts and exercises: pure functions over messages and plain values."""
