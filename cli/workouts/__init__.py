"""`fitnesshub import workouts`: the training that somebody logged in Strong or Hevy, brought in through the edge."""
