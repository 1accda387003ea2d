local tables = {
  domain = "fitnesshub.dev",
  reasons = {
    ROUTE_NOT_FOUND = { code = 5, status = 404 },
    METHOD_NOT_ALLOWED = { code = 12, status = 405 },
    UNSUPPORTED_MEDIA_TYPE = { code = 3, status = 415 },
    MALFORMED_REQUEST = { code = 3, status = 400 },
    INVALID_REQUEST = { code = 3, status = 400 },
    REQUEST_TOO_LARGE = { code = 8, status = 413 },
  },
  enums = {
    ["fitnesshub.analytics.v1.ChartMeasure"] = {
      CHART_MEASURE_UNSPECIFIED = 0,
      CHART_MEASURE_VOLUME = 1,
      CHART_MEASURE_WORKOUTS = 2,
      CHART_MEASURE_SETS = 3,
      CHART_MEASURE_DURATION = 4,
      CHART_MEASURE_DISTANCE = 5,
    },
    ["fitnesshub.analytics.v1.Granularity"] = {
      GRANULARITY_UNSPECIFIED = 0,
      GRANULARITY_DAY = 1,
      GRANULARITY_WEEK = 2,
      GRANULARITY_MONTH = 3,
      GRANULARITY_YEAR = 4,
    },
    ["fitnesshub.analytics.v1.MuscleMeasure"] = { MUSCLE_MEASURE_UNSPECIFIED = 0, MUSCLE_MEASURE_SETS = 1, MUSCLE_MEASURE_REPS = 2, MUSCLE_MEASURE_VOLUME = 3 },
    ["fitnesshub.mesh.v1.SagaStatus"] = {
      SAGA_STATUS_UNSPECIFIED = 0,
      SAGA_STATUS_RUNNING = 1,
      SAGA_STATUS_COMPENSATING = 2,
      SAGA_STATUS_DONE = 3,
      SAGA_STATUS_COMPENSATED = 4,
    },
    ["fitnesshub.options.v1.Role"] = { ROLE_UNSPECIFIED = 0, ROLE_MEMBER = 1, ROLE_TRAINER = 2, ROLE_MODERATOR = 3, ROLE_ADMIN = 4, ROLE_SERVICE = 5 },
    ["fitnesshub.user.v1.EffortScale"] = { EFFORT_SCALE_UNSPECIFIED = 0, EFFORT_SCALE_RPE = 1, EFFORT_SCALE_RIR = 2, EFFORT_SCALE_NONE = 3 },
    ["fitnesshub.user.v1.ProfileVisibility"] = { PROFILE_VISIBILITY_UNSPECIFIED = 0, PROFILE_VISIBILITY_PRIVATE = 1, PROFILE_VISIBILITY_PUBLIC = 2 },
    ["fitnesshub.user.v1.Sex"] = { SEX_UNSPECIFIED = 0, SEX_FEMALE = 1, SEX_MALE = 2 },
    ["fitnesshub.workout.v1.DistanceUnit"] = {
      DISTANCE_UNIT_UNSPECIFIED = 0,
      DISTANCE_UNIT_METER = 1,
      DISTANCE_UNIT_KILOMETER = 2,
      DISTANCE_UNIT_MILE = 3,
      DISTANCE_UNIT_YARD = 4,
    },
    ["fitnesshub.workout.v1.Equipment"] = {
      EQUIPMENT_UNSPECIFIED = 0,
      EQUIPMENT_BODY_WEIGHT = 1,
      EQUIPMENT_BARBELL = 2,
      EQUIPMENT_DUMBBELL = 3,
      EQUIPMENT_CABLE = 4,
      EQUIPMENT_MACHINE = 5,
      EQUIPMENT_KETTLEBELL = 6,
      EQUIPMENT_BANDS = 7,
      EQUIPMENT_MEDICINE_BALL = 8,
      EQUIPMENT_EXERCISE_BALL = 9,
      EQUIPMENT_FOAM_ROLLER = 10,
      EQUIPMENT_EZ_CURL_BAR = 11,
      EQUIPMENT_OTHER = 12,
    },
    ["fitnesshub.workout.v1.ExerciseCategory"] = {
      EXERCISE_CATEGORY_UNSPECIFIED = 0,
      EXERCISE_CATEGORY_STRENGTH = 1,
      EXERCISE_CATEGORY_STRETCHING = 2,
      EXERCISE_CATEGORY_PLYOMETRICS = 3,
      EXERCISE_CATEGORY_POWERLIFTING = 4,
      EXERCISE_CATEGORY_OLYMPIC_WEIGHTLIFTING = 5,
      EXERCISE_CATEGORY_STRONGMAN = 6,
      EXERCISE_CATEGORY_CARDIO = 7,
    },
    ["fitnesshub.workout.v1.ExerciseLevel"] = {
      EXERCISE_LEVEL_UNSPECIFIED = 0,
      EXERCISE_LEVEL_BEGINNER = 1,
      EXERCISE_LEVEL_INTERMEDIATE = 2,
      EXERCISE_LEVEL_EXPERT = 3,
    },
    ["fitnesshub.workout.v1.Force"] = { FORCE_UNSPECIFIED = 0, FORCE_PUSH = 1, FORCE_PULL = 2, FORCE_STATIC = 3 },
    ["fitnesshub.workout.v1.Mechanic"] = { MECHANIC_UNSPECIFIED = 0, MECHANIC_COMPOUND = 1, MECHANIC_ISOLATION = 2 },
    ["fitnesshub.workout.v1.MovementPattern"] = {
      MOVEMENT_PATTERN_UNSPECIFIED = 0,
      MOVEMENT_PATTERN_SQUAT = 1,
      MOVEMENT_PATTERN_HINGE = 2,
      MOVEMENT_PATTERN_LUNGE = 3,
      MOVEMENT_PATTERN_HORIZONTAL_PUSH = 4,
      MOVEMENT_PATTERN_VERTICAL_PUSH = 5,
      MOVEMENT_PATTERN_HORIZONTAL_PULL = 6,
      MOVEMENT_PATTERN_VERTICAL_PULL = 7,
      MOVEMENT_PATTERN_CARRY = 8,
      MOVEMENT_PATTERN_ROTATION = 9,
      MOVEMENT_PATTERN_TRUNK = 10,
      MOVEMENT_PATTERN_ELBOW_FLEXION = 11,
      MOVEMENT_PATTERN_ELBOW_EXTENSION = 12,
      MOVEMENT_PATTERN_SHOULDER_ISOLATION = 13,
      MOVEMENT_PATTERN_KNEE_EXTENSION = 14,
      MOVEMENT_PATTERN_KNEE_FLEXION = 15,
      MOVEMENT_PATTERN_HIP_ISOLATION = 16,
      MOVEMENT_PATTERN_ANKLE = 17,
      MOVEMENT_PATTERN_GRIP = 18,
      MOVEMENT_PATTERN_EXPLOSIVE = 19,
      MOVEMENT_PATTERN_LOCOMOTION = 20,
      MOVEMENT_PATTERN_MOBILITY = 21,
    },
    ["fitnesshub.workout.v1.Muscle"] = {
      MUSCLE_UNSPECIFIED = 0,
      MUSCLE_ABDOMINALS = 1,
      MUSCLE_ABDUCTORS = 2,
      MUSCLE_ADDUCTORS = 3,
      MUSCLE_BICEPS = 4,
      MUSCLE_CALVES = 5,
      MUSCLE_CHEST = 6,
      MUSCLE_FOREARMS = 7,
      MUSCLE_GLUTES = 8,
      MUSCLE_HAMSTRINGS = 9,
      MUSCLE_LATS = 10,
      MUSCLE_LOWER_BACK = 11,
      MUSCLE_MIDDLE_BACK = 12,
      MUSCLE_NECK = 13,
      MUSCLE_QUADRICEPS = 14,
      MUSCLE_SHOULDERS = 15,
      MUSCLE_TRAPS = 16,
      MUSCLE_TRICEPS = 17,
    },
    ["fitnesshub.workout.v1.SetType"] = {
      SET_TYPE_UNSPECIFIED = 0,
      SET_TYPE_NORMAL = 1,
      SET_TYPE_WARMUP = 2,
      SET_TYPE_DROPSET = 3,
      SET_TYPE_MYO = 4,
      SET_TYPE_PARTIAL = 5,
      SET_TYPE_FORCED = 6,
      SET_TYPE_TIME_UNDER_TENSION = 7,
      SET_TYPE_ISOMETRIC = 8,
      SET_TYPE_JUMP = 9,
      SET_TYPE_FAILURE = 10,
      SET_TYPE_AMRAP = 11,
    },
    ["fitnesshub.workout.v1.WeightUnit"] = { WEIGHT_UNIT_UNSPECIFIED = 0, WEIGHT_UNIT_KG = 1, WEIGHT_UNIT_LB = 2 },
    ["google.type.DayOfWeek"] = {
      DAY_OF_WEEK_UNSPECIFIED = 0,
      MONDAY = 1,
      TUESDAY = 2,
      WEDNESDAY = 3,
      THURSDAY = 4,
      FRIDAY = 5,
      SATURDAY = 6,
      SUNDAY = 7,
    },
  },
  messages = {
    ["fitnesshub.analytics.v1.ChartExerciseProgressRequest"] = {
      { name = "exerciseId", kind = "string", other = "exercise_id" },
      { name = "granularity", kind = "enum", of = "fitnesshub.analytics.v1.Granularity" },
      { name = "fromDate", kind = "string", other = "from_date" },
      { name = "toDate", kind = "string", other = "to_date" },
    },
    ["fitnesshub.analytics.v1.ChartTrainedMusclesRequest"] = {
      { name = "measure", kind = "enum", of = "fitnesshub.analytics.v1.MuscleMeasure" },
      { name = "fromDate", kind = "string", other = "from_date" },
      { name = "toDate", kind = "string", other = "to_date" },
    },
    ["fitnesshub.analytics.v1.ChartTrainingRequest"] = {
      { name = "measure", kind = "enum", of = "fitnesshub.analytics.v1.ChartMeasure" },
      { name = "granularity", kind = "enum", of = "fitnesshub.analytics.v1.Granularity" },
      { name = "fromDate", kind = "string", other = "from_date" },
      { name = "toDate", kind = "string", other = "to_date" },
    },
    ["fitnesshub.analytics.v1.GetExerciseBestsRequest"] = {
      { name = "exerciseId", kind = "string", other = "exercise_id" },
    },
    ["fitnesshub.analytics.v1.GetExerciseProgressRequest"] = {
      { name = "exerciseId", kind = "string", other = "exercise_id" },
      { name = "granularity", kind = "enum", of = "fitnesshub.analytics.v1.Granularity" },
      { name = "fromDate", kind = "string", other = "from_date" },
      { name = "toDate", kind = "string", other = "to_date" },
    },
    ["fitnesshub.analytics.v1.GetPlatformActivityRequest"] = {
      { name = "granularity", kind = "enum", of = "fitnesshub.analytics.v1.Granularity" },
      { name = "fromDate", kind = "string", other = "from_date" },
      { name = "toDate", kind = "string", other = "to_date" },
    },
    ["fitnesshub.analytics.v1.GetStreaksRequest"] = {},
    ["fitnesshub.analytics.v1.GetTrainingAtTimeRequest"] = {
      { name = "time", kind = "timestamp" },
    },
    ["fitnesshub.analytics.v1.GetTrainingRequest"] = {
      { name = "granularity", kind = "enum", of = "fitnesshub.analytics.v1.Granularity" },
      { name = "fromDate", kind = "string", other = "from_date" },
      { name = "toDate", kind = "string", other = "to_date" },
    },
    ["fitnesshub.analytics.v1.ListTrainedExercisesRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
      { name = "fromDate", kind = "string", other = "from_date" },
      { name = "toDate", kind = "string", other = "to_date" },
    },
    ["fitnesshub.analytics.v1.ListTrainedMusclesRequest"] = {
      { name = "fromDate", kind = "string", other = "from_date" },
      { name = "toDate", kind = "string", other = "to_date" },
    },
    ["fitnesshub.audit.v1.EraseSubjectRequest"] = {
      { name = "userId", kind = "string", other = "user_id" },
    },
    ["fitnesshub.audit.v1.ExportAuditRecordsRequest"] = {
      { name = "fromPosition", kind = "int64", other = "from_position" },
    },
    ["fitnesshub.audit.v1.ListAuditRecordsRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
      { name = "subjectUserId", kind = "string", other = "subject_user_id" },
      { name = "type", kind = "string" },
      { name = "aggregateType", kind = "string", other = "aggregate_type" },
      { name = "aggregateId", kind = "string", other = "aggregate_id" },
      { name = "recordTimeFrom", kind = "timestamp", other = "record_time_from" },
      { name = "recordTimeBefore", kind = "timestamp", other = "record_time_before" },
    },
    ["fitnesshub.audit.v1.ListOwnAuditRecordsRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
    },
    ["fitnesshub.audit.v1.VerifyChainRequest"] = {
      { name = "fromPosition", kind = "int64", other = "from_position" },
    },
    ["fitnesshub.gateway.v1.GetDocsFileRequest"] = {
      { name = "file", kind = "string" },
    },
    ["fitnesshub.gateway.v1.GetDocsPageRequest"] = {},
    ["fitnesshub.gateway.v1.GetHealthRequest"] = {},
    ["fitnesshub.gateway.v1.GetOpenApiRequest"] = {},
    ["fitnesshub.gateway.v1.ListOwnSagasRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
    },
    ["fitnesshub.gateway.v1.ListSagasRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
      { name = "service", kind = "string" },
      { name = "kind", kind = "string" },
      { name = "status", kind = "enum", of = "fitnesshub.mesh.v1.SagaStatus" },
      { name = "key", kind = "string" },
    },
    ["fitnesshub.gateway.v1.RetrySagaRequest"] = {
      { name = "sagaId", kind = "string", other = "saga_id" },
    },
    ["fitnesshub.user.v1.GetCurrentUserRequest"] = {},
    ["fitnesshub.user.v1.GetPreferencesRequest"] = {},
    ["fitnesshub.user.v1.GetProfileRequest"] = {},
    ["fitnesshub.user.v1.GetPublicProfileRequest"] = {
      { name = "userId", kind = "string", other = "user_id" },
    },
    ["fitnesshub.user.v1.GetStatsRequest"] = {},
    ["fitnesshub.user.v1.GetUserRequest"] = {
      { name = "userId", kind = "string", other = "user_id" },
    },
    ["fitnesshub.user.v1.GoTrueGetHealthRequest"] = {},
    ["fitnesshub.user.v1.GoTrueGetJwksRequest"] = {},
    ["fitnesshub.user.v1.GoTrueGetSettingsRequest"] = {},
    ["fitnesshub.user.v1.GoTrueGetUserRequest"] = {},
    ["fitnesshub.user.v1.GoTrueLogoutRequest"] = {
      { name = "body", kind = "object" },
      { name = "scope", kind = "string" },
    },
    ["fitnesshub.user.v1.GoTrueSignUpRequest"] = {
      { name = "body", kind = "object" },
      { name = "redirectTo", kind = "string", other = "redirect_to" },
    },
    ["fitnesshub.user.v1.GoTrueTokenRequest"] = {
      { name = "body", kind = "object" },
      { name = "grantType", kind = "string", other = "grant_type" },
    },
    ["fitnesshub.user.v1.ListSessionsRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
    },
    ["fitnesshub.user.v1.ListUsersRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
      { name = "emailPrefix", kind = "string", other = "email_prefix" },
      { name = "role", kind = "enum", of = "fitnesshub.options.v1.Role" },
      { name = "suspended", kind = "bool" },
    },
    ["fitnesshub.user.v1.Preferences"] = {
      { name = "weightUnit", kind = "enum", of = "fitnesshub.workout.v1.WeightUnit", other = "weight_unit" },
      { name = "distanceUnit", kind = "enum", of = "fitnesshub.workout.v1.DistanceUnit", other = "distance_unit" },
      { name = "timeZone", kind = "string", other = "time_zone" },
      { name = "firstDayOfWeek", kind = "enum", of = "google.type.DayOfWeek", other = "first_day_of_week" },
      { name = "language", kind = "string" },
      { name = "effortScale", kind = "enum", of = "fitnesshub.user.v1.EffortScale", other = "effort_scale" },
      { name = "etag", kind = "string" },
      { name = "updateTime", kind = "timestamp", other = "update_time" },
    },
    ["fitnesshub.user.v1.Profile"] = {
      { name = "userId", kind = "string", other = "user_id" },
      { name = "username", kind = "string" },
      { name = "displayName", kind = "string", other = "display_name" },
      { name = "bio", kind = "string" },
      { name = "location", kind = "string" },
      { name = "avatarUri", kind = "string", other = "avatar_uri" },
      { name = "birthDate", kind = "string", other = "birth_date" },
      { name = "sex", kind = "enum", of = "fitnesshub.user.v1.Sex" },
      { name = "heightCm", kind = "double", other = "height_cm" },
      { name = "visibility", kind = "enum", of = "fitnesshub.user.v1.ProfileVisibility" },
      { name = "etag", kind = "string" },
      { name = "updateTime", kind = "timestamp", other = "update_time" },
    },
    ["fitnesshub.user.v1.ReinstateUserRequest"] = {
      { name = "userId", kind = "string", other = "user_id" },
    },
    ["fitnesshub.user.v1.RevokeSessionRequest"] = {
      { name = "sessionId", kind = "string", other = "session_id" },
    },
    ["fitnesshub.user.v1.RevokeUserSessionsRequest"] = {
      { name = "userId", kind = "string", other = "user_id" },
    },
    ["fitnesshub.user.v1.SearchProfilesRequest"] = {
      { name = "query", kind = "string" },
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
    },
    ["fitnesshub.user.v1.SuspendUserRequest"] = {
      { name = "userId", kind = "string", other = "user_id" },
      { name = "reason", kind = "string" },
      { name = "until", kind = "timestamp" },
    },
    ["fitnesshub.user.v1.UpdatePreferencesRequest"] = {
      { name = "preferences", kind = "message", of = "fitnesshub.user.v1.Preferences" },
      { name = "updateMask", kind = "mask", other = "update_mask" },
    },
    ["fitnesshub.user.v1.UpdateProfileRequest"] = {
      { name = "profile", kind = "message", of = "fitnesshub.user.v1.Profile" },
      { name = "updateMask", kind = "mask", other = "update_mask" },
    },
    ["fitnesshub.user.v1.UpdateRolesRequest"] = {
      { name = "userId", kind = "string", other = "user_id" },
      { name = "roles", kind = "enum", of = "fitnesshub.options.v1.Role", list = true },
    },
    ["fitnesshub.workout.v1.BatchCreateWorkoutsRequest"] = {
      { name = "workouts", kind = "message", of = "fitnesshub.workout.v1.Workout", list = true },
    },
    ["fitnesshub.workout.v1.CreateExerciseRequest"] = {
      { name = "exercise", kind = "message", of = "fitnesshub.workout.v1.Exercise" },
    },
    ["fitnesshub.workout.v1.CreateWorkoutRequest"] = {
      { name = "workout", kind = "message", of = "fitnesshub.workout.v1.Workout" },
    },
    ["fitnesshub.workout.v1.DeleteExerciseRequest"] = {
      { name = "exerciseId", kind = "string", other = "exercise_id" },
      { name = "etag", kind = "string" },
      { name = "replacedBy", kind = "string", other = "replaced_by" },
    },
    ["fitnesshub.workout.v1.DeleteWorkoutRequest"] = {
      { name = "workoutId", kind = "string", other = "workout_id" },
      { name = "etag", kind = "string" },
    },
    ["fitnesshub.workout.v1.DownloadExercisesRequest"] = {},
    ["fitnesshub.workout.v1.Exercise"] = {
      { name = "id", kind = "string" },
      { name = "name", kind = "string" },
      { name = "category", kind = "enum", of = "fitnesshub.workout.v1.ExerciseCategory" },
      { name = "level", kind = "enum", of = "fitnesshub.workout.v1.ExerciseLevel" },
      { name = "force", kind = "enum", of = "fitnesshub.workout.v1.Force" },
      { name = "mechanic", kind = "enum", of = "fitnesshub.workout.v1.Mechanic" },
      { name = "equipment", kind = "enum", of = "fitnesshub.workout.v1.Equipment" },
      {
        name = "primaryMuscles",
        kind = "enum",
        of = "fitnesshub.workout.v1.Muscle",
        other = "primary_muscles",
        list = true,
      },
      {
        name = "secondaryMuscles",
        kind = "enum",
        of = "fitnesshub.workout.v1.Muscle",
        other = "secondary_muscles",
        list = true,
      },
      { name = "instructions", kind = "string", list = true },
      { name = "source", kind = "string" },
      { name = "sourceId", kind = "string", other = "source_id" },
      { name = "etag", kind = "string" },
      { name = "createTime", kind = "timestamp", other = "create_time" },
      { name = "updateTime", kind = "timestamp", other = "update_time" },
      { name = "movement", kind = "enum", of = "fitnesshub.workout.v1.MovementPattern" },
      { name = "met", kind = "double" },
      { name = "metSource", kind = "string", other = "met_source" },
      { name = "aliases", kind = "string", list = true },
      { name = "translations", kind = "message", of = "fitnesshub.workout.v1.ExerciseTranslation", list = true },
      { name = "variationGroup", kind = "string", other = "variation_group" },
      { name = "ownerId", kind = "string", other = "owner_id" },
      { name = "displayName", kind = "string", other = "display_name" },
    },
    ["fitnesshub.workout.v1.ExerciseTranslation"] = {
      { name = "language", kind = "string" },
      { name = "name", kind = "string" },
      { name = "aliases", kind = "string", list = true },
      { name = "instructions", kind = "string", list = true },
    },
    ["fitnesshub.workout.v1.GetExerciseRequest"] = {
      { name = "exerciseId", kind = "string", other = "exercise_id" },
      { name = "language", kind = "string" },
    },
    ["fitnesshub.workout.v1.GetWorkoutRequest"] = {
      { name = "workoutId", kind = "string", other = "workout_id" },
    },
    ["fitnesshub.workout.v1.ImportExercisesRequest"] = {
      { name = "source", kind = "string" },
      { name = "exercises", kind = "message", of = "fitnesshub.workout.v1.Exercise", list = true },
    },
    ["fitnesshub.workout.v1.ListExerciseTombstonesRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
      { name = "deleteTimeFrom", kind = "timestamp", other = "delete_time_from" },
    },
    ["fitnesshub.workout.v1.ListExercisesRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
      { name = "muscle", kind = "enum", of = "fitnesshub.workout.v1.Muscle" },
      { name = "equipment", kind = "enum", of = "fitnesshub.workout.v1.Equipment" },
      { name = "category", kind = "enum", of = "fitnesshub.workout.v1.ExerciseCategory" },
      { name = "level", kind = "enum", of = "fitnesshub.workout.v1.ExerciseLevel" },
      { name = "movement", kind = "enum", of = "fitnesshub.workout.v1.MovementPattern" },
      { name = "own", kind = "bool" },
      { name = "language", kind = "string" },
      { name = "variationGroup", kind = "string", other = "variation_group" },
    },
    ["fitnesshub.workout.v1.ListWorkoutChangesRequest"] = {
      { name = "cursor", kind = "string" },
      { name = "pageSize", kind = "int32", other = "page_size" },
    },
    ["fitnesshub.workout.v1.ListWorkoutsRequest"] = {
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
      { name = "startTimeFrom", kind = "timestamp", other = "start_time_from" },
      { name = "startTimeBefore", kind = "timestamp", other = "start_time_before" },
      { name = "exerciseId", kind = "string", other = "exercise_id" },
    },
    ["fitnesshub.workout.v1.SearchExercisesRequest"] = {
      { name = "query", kind = "string" },
      { name = "pageSize", kind = "int32", other = "page_size" },
      { name = "pageToken", kind = "string", other = "page_token" },
      { name = "muscle", kind = "enum", of = "fitnesshub.workout.v1.Muscle" },
      { name = "equipment", kind = "enum", of = "fitnesshub.workout.v1.Equipment" },
      { name = "category", kind = "enum", of = "fitnesshub.workout.v1.ExerciseCategory" },
      { name = "level", kind = "enum", of = "fitnesshub.workout.v1.ExerciseLevel" },
      { name = "movement", kind = "enum", of = "fitnesshub.workout.v1.MovementPattern" },
      { name = "language", kind = "string" },
    },
    ["fitnesshub.workout.v1.UndeleteWorkoutRequest"] = {
      { name = "workoutId", kind = "string", other = "workout_id" },
    },
    ["fitnesshub.workout.v1.UpdateExerciseRequest"] = {
      { name = "exerciseId", kind = "string", other = "exercise_id" },
      { name = "exercise", kind = "message", of = "fitnesshub.workout.v1.Exercise" },
      { name = "updateMask", kind = "mask", other = "update_mask" },
      { name = "etag", kind = "string" },
    },
    ["fitnesshub.workout.v1.UpdateWorkoutRequest"] = {
      { name = "workoutId", kind = "string", other = "workout_id" },
      { name = "workout", kind = "message", of = "fitnesshub.workout.v1.Workout" },
      { name = "updateMask", kind = "mask", other = "update_mask" },
    },
    ["fitnesshub.workout.v1.WatchWorkoutChangesRequest"] = {
      { name = "cursor", kind = "string" },
    },
    ["fitnesshub.workout.v1.Workout"] = {
      { name = "id", kind = "string" },
      { name = "userId", kind = "string", other = "user_id" },
      { name = "title", kind = "string" },
      { name = "notes", kind = "string" },
      { name = "startTime", kind = "timestamp", other = "start_time" },
      { name = "endTime", kind = "timestamp", other = "end_time" },
      { name = "sets", kind = "message", of = "fitnesshub.workout.v1.WorkoutSet", list = true },
      { name = "etag", kind = "string" },
      { name = "createTime", kind = "timestamp", other = "create_time" },
      { name = "updateTime", kind = "timestamp", other = "update_time" },
      { name = "sessionRpe", kind = "double", other = "session_rpe" },
      { name = "source", kind = "string" },
    },
    ["fitnesshub.workout.v1.WorkoutSet"] = {
      { name = "exerciseId", kind = "string", other = "exercise_id" },
      { name = "reps", kind = "int32" },
      { name = "weight", kind = "double" },
      { name = "weightUnit", kind = "enum", of = "fitnesshub.workout.v1.WeightUnit", other = "weight_unit" },
      { name = "weightKg", kind = "double", other = "weight_kg" },
      { name = "rpe", kind = "double" },
      { name = "notes", kind = "string" },
      { name = "setType", kind = "enum", of = "fitnesshub.workout.v1.SetType", other = "set_type" },
      { name = "rir", kind = "double" },
      { name = "superset", kind = "int32" },
      { name = "restSeconds", kind = "int32", other = "rest_seconds" },
      { name = "durationSeconds", kind = "double", other = "duration_seconds" },
      { name = "distance", kind = "double" },
      { name = "distanceUnit", kind = "enum", of = "fitnesshub.workout.v1.DistanceUnit", other = "distance_unit" },
      { name = "distanceMeters", kind = "double", other = "distance_meters" },
    },
  },
  calls = {
    {
      method = "GET",
      path = "api/v1/users/me/analytics/exercises/*/progress",
      request = "fitnesshub.analytics.v1.ChartExerciseProgressRequest",
      verb = "chart",
      bound = { "exerciseId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/muscles",
      request = "fitnesshub.analytics.v1.ChartTrainedMusclesRequest",
      verb = "chart",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/training",
      request = "fitnesshub.analytics.v1.ChartTrainingRequest",
      verb = "chart",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/exercises/*/bests",
      request = "fitnesshub.analytics.v1.GetExerciseBestsRequest",
      bound = { "exerciseId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/exercises/*/progress",
      request = "fitnesshub.analytics.v1.GetExerciseProgressRequest",
      bound = { "exerciseId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/admin/analytics/activity",
      request = "fitnesshub.analytics.v1.GetPlatformActivityRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/streaks",
      request = "fitnesshub.analytics.v1.GetStreaksRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/training",
      request = "fitnesshub.analytics.v1.GetTrainingRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/training",
      request = "fitnesshub.analytics.v1.GetTrainingAtTimeRequest",
      verb = "atTime",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/exercises",
      request = "fitnesshub.analytics.v1.ListTrainedExercisesRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/analytics/muscles",
      request = "fitnesshub.analytics.v1.ListTrainedMusclesRequest",
      most = 1048576,
    },
    {
      method = "POST",
      path = "api/v1/admin/users/*",
      request = "fitnesshub.audit.v1.EraseSubjectRequest",
      verb = "erase",
      body = "*",
      bound = { "userId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/audit/records",
      request = "fitnesshub.audit.v1.ExportAuditRecordsRequest",
      verb = "export",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/audit/records",
      request = "fitnesshub.audit.v1.ListAuditRecordsRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/audit-records",
      request = "fitnesshub.audit.v1.ListOwnAuditRecordsRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/audit/records",
      request = "fitnesshub.audit.v1.VerifyChainRequest",
      verb = "verify",
      most = 1048576,
    },
    {
      method = "GET",
      path = "docs/*",
      request = "fitnesshub.gateway.v1.GetDocsFileRequest",
      bound = { "file" },
      most = 1048576,
    },
    { method = "GET", path = "docs", request = "fitnesshub.gateway.v1.GetDocsPageRequest", most = 1048576 },
    { method = "GET", path = "openapi.json", request = "fitnesshub.gateway.v1.GetOpenApiRequest", most = 1048576 },
    { method = "GET", path = "health", request = "fitnesshub.gateway.v1.GetHealthRequest", most = 1048576 },
    {
      method = "GET",
      path = "api/v1/users/me/sagas",
      request = "fitnesshub.gateway.v1.ListOwnSagasRequest",
      most = 1048576,
    },
    { method = "GET", path = "api/v1/admin/sagas", request = "fitnesshub.gateway.v1.ListSagasRequest", most = 1048576 },
    {
      method = "POST",
      path = "api/v1/admin/sagas/*",
      request = "fitnesshub.gateway.v1.RetrySagaRequest",
      verb = "retry",
      body = "*",
      bound = { "sagaId" },
      most = 1048576,
    },
    { method = "GET", path = "api/v1/users/me", request = "fitnesshub.user.v1.GetCurrentUserRequest", most = 1048576 },
    { method = "GET", path = "auth/v1/health", request = "fitnesshub.user.v1.GoTrueGetHealthRequest", most = 1048576 },
    {
      method = "GET",
      path = "auth/v1/.well-known/jwks.json",
      request = "fitnesshub.user.v1.GoTrueGetJwksRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "auth/v1/settings",
      request = "fitnesshub.user.v1.GoTrueGetSettingsRequest",
      most = 1048576,
    },
    { method = "GET", path = "auth/v1/user", request = "fitnesshub.user.v1.GoTrueGetUserRequest", most = 1048576 },
    {
      method = "POST",
      path = "auth/v1/logout",
      request = "fitnesshub.user.v1.GoTrueLogoutRequest",
      body = "body",
      raw = true,
      most = 1048576,
    },
    {
      method = "POST",
      path = "auth/v1/signup",
      request = "fitnesshub.user.v1.GoTrueSignUpRequest",
      body = "body",
      raw = true,
      most = 1048576,
    },
    {
      method = "POST",
      path = "auth/v1/token",
      request = "fitnesshub.user.v1.GoTrueTokenRequest",
      body = "body",
      raw = true,
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/preferences",
      request = "fitnesshub.user.v1.GetPreferencesRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/profile",
      request = "fitnesshub.user.v1.GetProfileRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/*/public-profile",
      request = "fitnesshub.user.v1.GetPublicProfileRequest",
      bound = { "userId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users",
      request = "fitnesshub.user.v1.SearchProfilesRequest",
      verb = "search",
      most = 1048576,
    },
    {
      method = "PATCH",
      path = "api/v1/users/me/preferences",
      request = "fitnesshub.user.v1.UpdatePreferencesRequest",
      body = "preferences",
      most = 1048576,
    },
    {
      method = "PATCH",
      path = "api/v1/users/me/profile",
      request = "fitnesshub.user.v1.UpdateProfileRequest",
      body = "profile",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/users/me/sessions",
      request = "fitnesshub.user.v1.ListSessionsRequest",
      most = 1048576,
    },
    {
      method = "DELETE",
      path = "api/v1/users/me/sessions/*",
      request = "fitnesshub.user.v1.RevokeSessionRequest",
      bound = { "sessionId" },
      most = 1048576,
    },
    { method = "GET", path = "api/v1/users/me/stats", request = "fitnesshub.user.v1.GetStatsRequest", most = 1048576 },
    {
      method = "GET",
      path = "api/v1/admin/users/*",
      request = "fitnesshub.user.v1.GetUserRequest",
      bound = { "userId" },
      most = 1048576,
    },
    { method = "GET", path = "api/v1/admin/users", request = "fitnesshub.user.v1.ListUsersRequest", most = 1048576 },
    {
      method = "POST",
      path = "api/v1/admin/users/*",
      request = "fitnesshub.user.v1.ReinstateUserRequest",
      verb = "reinstate",
      body = "*",
      bound = { "userId" },
      most = 1048576,
    },
    {
      method = "POST",
      path = "api/v1/admin/users/*",
      request = "fitnesshub.user.v1.RevokeUserSessionsRequest",
      verb = "revokeSessions",
      body = "*",
      bound = { "userId" },
      most = 1048576,
    },
    {
      method = "POST",
      path = "api/v1/admin/users/*",
      request = "fitnesshub.user.v1.SuspendUserRequest",
      verb = "suspend",
      body = "*",
      bound = { "userId" },
      most = 1048576,
    },
    {
      method = "POST",
      path = "api/v1/admin/users/*",
      request = "fitnesshub.user.v1.UpdateRolesRequest",
      verb = "updateRoles",
      body = "*",
      bound = { "userId" },
      most = 1048576,
    },
    {
      method = "POST",
      path = "api/v1/exercises",
      request = "fitnesshub.workout.v1.CreateExerciseRequest",
      body = "exercise",
      most = 1048576,
    },
    {
      method = "DELETE",
      path = "api/v1/exercises/*",
      request = "fitnesshub.workout.v1.DeleteExerciseRequest",
      bound = { "exerciseId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/exercises",
      request = "fitnesshub.workout.v1.DownloadExercisesRequest",
      verb = "download",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/exercises/*",
      request = "fitnesshub.workout.v1.GetExerciseRequest",
      bound = { "exerciseId" },
      most = 1048576,
    },
    {
      method = "POST",
      path = "api/v1/exercises",
      request = "fitnesshub.workout.v1.ImportExercisesRequest",
      verb = "import",
      body = "*",
      most = 8388608,
    },
    {
      method = "GET",
      path = "api/v1/exercises",
      request = "fitnesshub.workout.v1.ListExerciseTombstonesRequest",
      verb = "tombstones",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/exercises",
      request = "fitnesshub.workout.v1.ListExercisesRequest",
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/exercises",
      request = "fitnesshub.workout.v1.SearchExercisesRequest",
      verb = "search",
      most = 1048576,
    },
    {
      method = "PATCH",
      path = "api/v1/exercises/*",
      request = "fitnesshub.workout.v1.UpdateExerciseRequest",
      body = "exercise",
      bound = { "exerciseId" },
      most = 1048576,
    },
    {
      method = "POST",
      path = "api/v1/workouts",
      request = "fitnesshub.workout.v1.BatchCreateWorkoutsRequest",
      verb = "batchCreate",
      body = "*",
      most = 8388608,
    },
    {
      method = "POST",
      path = "api/v1/workouts",
      request = "fitnesshub.workout.v1.CreateWorkoutRequest",
      body = "workout",
      most = 1048576,
    },
    {
      method = "DELETE",
      path = "api/v1/workouts/*",
      request = "fitnesshub.workout.v1.DeleteWorkoutRequest",
      bound = { "workoutId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/workouts/*",
      request = "fitnesshub.workout.v1.GetWorkoutRequest",
      bound = { "workoutId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/workouts",
      request = "fitnesshub.workout.v1.ListWorkoutChangesRequest",
      verb = "changes",
      most = 1048576,
    },
    { method = "GET", path = "api/v1/workouts", request = "fitnesshub.workout.v1.ListWorkoutsRequest", most = 1048576 },
    {
      method = "POST",
      path = "api/v1/workouts/*",
      request = "fitnesshub.workout.v1.UndeleteWorkoutRequest",
      verb = "undelete",
      body = "*",
      bound = { "workoutId" },
      most = 1048576,
    },
    {
      method = "PATCH",
      path = "api/v1/workouts/*",
      request = "fitnesshub.workout.v1.UpdateWorkoutRequest",
      body = "workout",
      bound = { "workoutId" },
      most = 1048576,
    },
    {
      method = "GET",
      path = "api/v1/workouts",
      request = "fitnesshub.workout.v1.WatchWorkoutChangesRequest",
      verb = "watch",
      most = 1048576,
    },
  },
}

local json = (function()
-- JSON text by RFC 8259 and nothing looser. Nothing is built: a function takes the text and a position, and returns
-- the position after what it read. What isn't JSON ends the reading by error().
local byte, char, find, match, sub = string.byte, string.char, string.find, string.match, string.sub
local floor = math.floor

-- Levels. Above what the contract nests, and below what the transcoder and protobuf take (100).
local DEEPEST = 64
local NOWHERE = math.huge
local QUOTE, COMMA, COLON, OPEN_LIST, OPEN_OBJECT, CLOSE_OBJECT = 34, 44, 58, 91, 123, 125
local SPACE, NEWLINE, RETURN, TAB = 32, 10, 13, 9

-- Where the next backslash and the next control character are: a plain string then costs one search.
local escape_at, control_at

local function malformed(at, wanted)
  error({ at = at, wanted = wanted }, 0)
end

local function next_control(text, at)
  for position = at, #text do
    if byte(text, position) < 32 then return position end
  end
  return NOWHERE
end

-- Must be called before a text is read.
local function begin(text)
  escape_at = find(text, "\\", 1, true) or NOWHERE
  control_at = next_control(text, 1)
end

-- The first position at or after `at` that holds no white space, and the byte there.
local function skip_space(text, at)
  local here = byte(text, at)
  while here == SPACE or here == NEWLINE or here == RETURN or here == TAB do
    at = at + 1
    here = byte(text, at)
  end
  return at, here
end

-- `at` is a backslash in a string.
local function escape_end(text, at)
  if find(text, '^["/\\bfnrt]', at + 1) then return at + 2 end
  local unit = match(text, "^u(%x%x%x%x)", at + 1)
  if not unit then malformed(at, "a valid escape sequence") end
  unit = tonumber(unit, 16)
  if unit < 0xD800 or unit > 0xDFFF then return at + 6 end
  if unit < 0xDC00 and find(text, "^\\u[dD][c-fC-F]%x%x", at + 6) then return at + 12 end
  malformed(at, "both halves of a surrogate pair")
end

-- `at` is the opening quote.
local function string_end(text, at)
  local close = find(text, '"', at + 1, true) or NOWHERE
  if escape_at < at then escape_at = find(text, "\\", at, true) or NOWHERE end
  while escape_at < close do
    local after = escape_end(text, escape_at)
    if close < after then close = find(text, '"', after, true) or NOWHERE end
    escape_at = find(text, "\\", after, true) or NOWHERE
  end
  if control_at < at then control_at = next_control(text, at) end
  if control_at < close then malformed(control_at, "control characters in strings to be escaped") end
  if close == NOWHERE then malformed(#text + 1, "a closing quote") end
  return close + 1
end

local CHARACTERS = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(code)
  if code < 0x80 then return char(code) end
  local last = char(0x80 + code % 64)
  if code < 0x800 then return char(0xC0 + floor(code / 64)) .. last end
  last = char(0x80 + floor(code / 64) % 64) .. last
  if code < 0x10000 then return char(0xE0 + floor(code / 4096)) .. last end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64) .. last
end

-- What the inside of a string that was read stands for.
local function unescaped(inside)
  local parts, at = {}, 1
  local slash = find(inside, "\\", 1, true)
  while slash do
    parts[#parts + 1] = sub(inside, at, slash - 1)
    local mark = sub(inside, slash + 1, slash + 1)
    at = slash + 2
    if mark == "u" then
      local code = tonumber(sub(inside, at, at + 3), 16)
      at = at + 4
      if code >= 0xD800 and code <= 0xDBFF then
        code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(sub(inside, at + 2, at + 5), 16) - 0xDC00
        at = at + 6
      end
      parts[#parts + 1] = utf8(code)
    else
      parts[#parts + 1] = CHARACTERS[mark] or mark
    end
    slash = find(inside, "\\", at, true)
  end
  return at == 1 and inside or table.concat(parts) .. sub(inside, at)
end

-- The position after a number, and whether it is written without fraction and exponent; or nothing and what is wanted.
local function number_end(text, at)
  local digits = byte(text, at) == 45 and at + 1 or at -- after a minus
  local _, last = find(text, "^%d+", digits)
  if not last then return nil, "a value" end
  if last > digits and byte(text, digits) == 48 then return nil, "a number without leading zeros" end
  local here = byte(text, last + 1)
  local plain = true
  if here == 46 then -- a point
    _, last = find(text, "^%d+", last + 2)
    if not last then return nil, "digits after the decimal point" end
    plain, here = false, byte(text, last + 1)
  end
  if here == 69 or here == 101 then -- E, e
    _, last = find(text, "^[+-]?%d+", last + 2)
    if not last then return nil, "digits in the exponent" end
    plain = false
  end
  return last + 1, plain
end

local LITERALS = { [102] = "false", [110] = "null", [116] = "true" }

local function literal_end(text, at)
  local word = LITERALS[byte(text, at)]
  if sub(text, at, at + #word - 1) ~= word then malformed(at, "a value") end
  return at + #word
end

-- `at` is the opening bracket: the position of the first element, or nothing and the position after the closing one.
local function first(text, at, closing)
  local here = byte(text, at + 1)
  at = at + 1
  if here and here <= SPACE then at, here = skip_space(text, at) end
  if here == closing then return nil, at + 1 end
  return at
end

-- `at` is the position after an element: the position of the next one, or nothing and the position after the bracket.
local function following(text, at, closing)
  local here = byte(text, at)
  if here and here <= SPACE then at, here = skip_space(text, at) end
  if here == closing then return nil, at + 1 end
  if here ~= COMMA then malformed(at, "a comma or " .. char(closing)) end
  here = byte(text, at + 1)
  at = at + 1
  if here and here <= SPACE then at = skip_space(text, at) end
  return at
end

-- `at` is where the name of a field must begin: the name as it is written, and the position of its value.
local function name_end(text, at)
  if byte(text, at) ~= QUOTE then malformed(at, "a name in double quotes") end
  local after = string_end(text, at)
  local name = sub(text, at + 1, after - 2)
  local here = byte(text, after)
  if here and here <= SPACE then after, here = skip_space(text, after) end
  if here ~= COLON then malformed(after, "a colon") end
  here = byte(text, after + 1)
  after = after + 1
  if here and here <= SPACE then after = skip_space(text, after) end
  return name, after
end

-- Any value whatever, nested `depth` levels deep. Names of an object are unique.
local function any_end(text, at, depth)
  local here = byte(text, at)
  if here == QUOTE then return string_end(text, at) end
  if LITERALS[here] then return literal_end(text, at) end
  if here ~= OPEN_OBJECT and here ~= OPEN_LIST then
    local after, wanted = number_end(text, at)
    return after or malformed(at, wanted)
  end
  if depth > DEEPEST then malformed(at, "at most " .. DEEPEST .. " levels of nesting") end
  local closing = here + 2
  local names = {}
  local element, after = first(text, at, closing)
  while element do
    if here == OPEN_OBJECT then
      local name, value = name_end(text, element)
      name = unescaped(name)
      if names[name] then malformed(element, "each name once in an object") end
      names[name] = true
      element = value
    end
    element, after = following(text, any_end(text, element, depth + 1), closing)
  end
  return after
end

return {
  DEEPEST = DEEPEST,
  QUOTE = QUOTE,
  OPEN_LIST = OPEN_LIST,
  OPEN_OBJECT = OPEN_OBJECT,
  CLOSE_OBJECT = CLOSE_OBJECT,
  begin = begin,
  malformed = malformed,
  skip_space = skip_space,
  string_end = string_end,
  unescaped = unescaped,
  number_end = number_end,
  literal_end = literal_end,
  first = first,
  following = following,
  name_end = name_end,
  any_end = any_end,
}
end)()

local problems = (function()
-- Errors in the one shape, `google.rpc.Status` as JSON. Reasons, codes and statuses are the contract's.
local find, format, gsub, sub = string.find, string.format, string.gsub, string.sub

-- Listed in one answer.
local MOST_VIOLATIONS = 20
-- Bytes of a name that an answer repeats: names are as long as a caller likes.
local MOST_OF_A_NAME = 64

-- UTF-8 by RFC 3629, a character at a time: no overlong forms, no surrogates.
local CHARACTERS = {
  "^[\194-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}

-- The text with a question mark for each byte that belongs to no character.
local function whole_characters(text)
  return (gsub(text, "[\128-\255]+", function(bytes)
    local kept, at = {}, 1
    while at <= #bytes do
      local last
      for _, pattern in ipairs(CHARACTERS) do
        last = select(2, find(bytes, pattern, at))
        if last then break end
      end
      kept[#kept + 1] = last and sub(bytes, at, last) or "?"
      at = (last or at) + 1
    end
    return table.concat(kept)
  end))
end

local function shortened(name)
  if #name <= MOST_OF_A_NAME then return name end
  return whole_characters(sub(name, 1, MOST_OF_A_NAME)) .. "…"
end

-- As a JSON string.
local function quoted(text)
  local escaped = gsub(whole_characters(text), '[%c"\\]', function(char)
    return format("\\u%04x", string.byte(char))
  end)
  return '"' .. escaped .. '"'
end

local function detail(kind, fields)
  return format('{"@type":"type.googleapis.com/google.rpc.%s",%s}', kind, fields)
end

-- Status and body of an error. `violations` is a list of field and description, and may be nil, as may `metadata`.
local function answer(reason, message, request_id, violations, metadata)
  local known = tables.reasons[reason]
  local pairs_of = {}
  for key, value in pairs(metadata or {}) do
    pairs_of[#pairs_of + 1] = quoted(key) .. ":" .. quoted(value)
  end
  local more = #pairs_of > 0 and format(',"metadata":{%s}', table.concat(pairs_of, ",")) or ""
  local info = format('"reason":%s,"domain":%s%s', quoted(reason), quoted(tables.domain), more)
  local details = { detail("ErrorInfo", info) }
  if violations then
    local listed = {}
    for position, each in ipairs(violations) do
      listed[position] = format('{"field":%s,"description":%s}', quoted(each.field), quoted(each.description))
    end
    details[2] = detail("BadRequest", format('"fieldViolations":[%s]', table.concat(listed, ",")))
  end
  details[#details + 1] = detail("RequestInfo", format('"requestId":%s', quoted(request_id or "")))
  local all = table.concat(details, ",")
  return known.status, format('{"code":%d,"message":%s,"details":[%s]}', known.code, quoted(message), all)
end

return { MOST_VIOLATIONS = MOST_VIOLATIONS, answer = answer, quoted = quoted, shortened = shortened }
end)()

local values = (function()
-- Values of fields by kind, as protobuf's JSON mapping has them. A reader takes the text and the position of a value,
-- and returns the position after it; or nothing and what the value must be. What it refuses is read once more as any
-- JSON, so a reader needs no care for text that is broken.
local byte, find, match, sub, format = string.byte, string.find, string.match, string.sub, string.format
local QUOTE = json.QUOTE

local read = {}

function read.string(text, at)
  if byte(text, at) ~= QUOTE then return nil, "must be a string" end
  return json.string_end(text, at)
end

function read.bool(text, at)
  local here = byte(text, at)
  if here ~= 102 and here ~= 116 then return nil, "must be true or false" end
  return json.literal_end(text, at)
end

-- A number, in quotes or not: where its digits begin and end (exclusive), the position after the value, and whether it
-- is without fraction and exponent.
local function numeral(text, at)
  local from = byte(text, at) == QUOTE and at + 1 or at
  local to, plain = json.number_end(text, from)
  if not to then return end
  if from == at then return from, to, to, plain end
  if byte(text, to) == QUOTE then return from, to, to + 1, plain end
end

-- Whole numbers of 32 bits. `5.0` is one, as JSON has no integers; "5.0" isn't.
local function whole(low, high)
  local problem = format("must be a whole number from %.0f to %.0f", low, high)
  return function(text, at)
    local from, to, after, plain = numeral(text, at)
    if not from then return nil, problem end
    -- Up to nine characters need no look at the value.
    if plain and to - from < 10 and (low < 0 or byte(text, from) ~= 45) then return after end
    local number = tonumber(sub(text, from, to - 1))
    if number < low or number > high or number % 1 ~= 0 or not (plain or from == at) then return nil, problem end
    return after
  end
end

read.int32 = whole(-2147483648, 2147483647)
read.uint32 = whole(0, 4294967295)

-- Whole numbers of 64 bits, whose digits are compared as text: a Lua number can't hold them.
local function long(lowest, highest)
  local problem = format("must be a whole number from %s to %s", lowest == "0" and "0" or "-" .. lowest, highest)
  return function(text, at)
    local from, to, after, plain = numeral(text, at)
    if not from then return nil, problem end
    local sign, digits = match(text, "^(%-?)(%d+)", from)
    if plain then
      local limit = sign == "-" and lowest or highest
      if #digits < #limit or (#digits == #limit and digits <= limit) then return after end
    elseif from == at then
      local number = tonumber(sub(text, from, to - 1))
      -- 2^53: up to here every whole number is exact.
      if number % 1 == 0 and number <= 9007199254740992 and number >= (lowest == "0" and 0 or -9007199254740992) then
        return after
      end
    end
    return nil, problem
  end
end

read.int64 = long("9223372036854775808", "9223372036854775807")
read.uint64 = long("0", "18446744073709551615")

local function real(highest)
  return function(text, at)
    local from, to, after = numeral(text, at)
    if not from then
      local word = match(text, '^"(%-?%a+)"', at)
      if word == "NaN" or word == "Infinity" or word == "-Infinity" then return at + #word + 2 end
      return nil, "must be a number"
    end
    local number = tonumber(sub(text, from, to - 1))
    if number > highest or number < -highest then return nil, "must be a number of a smaller magnitude" end
    return after
  end
end

read.double = real(1.7976931348623157e308)
read.float = real(3.4028234663852886e38)

-- By name, or by a number: whether one is known to this version is the service's to say.
function read.enum(text, at, enum)
  local name = match(text, '^"([%w_]+)"', at)
  if name then
    if enum.known[name] then return at + #name + 2 end
    return nil, enum.problem
  end
  local after, plain = json.number_end(text, at)
  if after and plain and read.int32(text, at) then return after end
  return nil, enum.problem
end

-- The standard or the URL-safe alphabet, with or without padding.
function read.bytes(text, at)
  local problem = "must be base64 in a string"
  if byte(text, at) ~= QUOTE then return nil, problem end
  local after = json.string_end(text, at)
  local digits, padding = match(json.unescaped(sub(text, at + 1, after - 2)), "^([%w+/_-]*)(=?=?)$")
  if not digits or #digits % 4 == 1 or (padding ~= "" and (#digits + #padding) % 4 ~= 0) then return nil, problem end
  if find(digits, "[+/]") and find(digits, "[_-]") then return nil, problem end
  return after
end

local DAYS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_day(year, month, day)
  if month < 1 or month > 12 or day < 1 or day > DAYS[month] then return false end
  return month ~= 2 or day < 29 or (year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0))
end

local function is_zone(zone, year)
  if zone == "Z" then return true end
  local hours, minutes = match(zone, "^[+-](%d%d):(%d%d)$")
  -- An offset leads out of the range in its first or last hours only; those two years are refused whole.
  return hours and tonumber(hours) < 24 and tonumber(minutes) < 60 and year > 1 and year < 9999
end

-- The inside of a string of at most 40 bytes, and the position after it. Patterns that go back are for these only.
local function short_string(text, at)
  if byte(text, at) ~= QUOTE then return end
  local close = find(text, '"', at + 1, true)
  if close and close - at <= 41 then return sub(text, at + 1, close - 1), close + 1 end
end

function read.timestamp(text, at)
  local inside, after = short_string(text, at)
  local year, month, day, hour, minute, second, rest =
    match(inside or "", "^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)(.*)$")
  if year then
    local fraction, zone = match(rest, "^%.(%d+)(.*)$")
    year = tonumber(year)
    if
      year > 0
      and is_day(year, tonumber(month), tonumber(day))
      and tonumber(hour) < 24
      and tonumber(minute) < 60
      and tonumber(second) < 60
      and (not fraction or #fraction < 10)
      and is_zone(zone or rest, year)
    then
      return after
    end
  end
  return nil, "must be a time as 2026-11-23T17:00:00Z"
end

-- Seconds. The bound is protobuf's: 10,000 years.
function read.duration(text, at)
  local inside, after = short_string(text, at)
  local seconds, fraction = match(inside or "", "^%-?(%d+)(%.?%d*)s$")
  local is_valid = seconds and #fraction < 11 and fraction ~= "." and tonumber(seconds .. fraction) <= 315576000000
  if is_valid then return after end
  return nil, "must be a duration in seconds as 90s or 1.5s"
end

function read.mask(text, at)
  local paths = match(text, '^"([%w_.,*]*)"', at)
  if not paths then return nil, "must be field paths separated by commas" end
  return at + #paths + 2
end

function read.object(text, at, _, depth)
  if byte(text, at) ~= json.OPEN_OBJECT then return nil, "must be an object" end
  return json.any_end(text, at, depth)
end

function read.list(text, at, _, depth)
  if byte(text, at) ~= json.OPEN_LIST then return nil, "must be a list" end
  return json.any_end(text, at, depth)
end

function read.value(text, at, _, depth)
  return json.any_end(text, at, depth)
end

return read
end)()

local bodies = (function()
-- Bodies against the contract: unknown and repeated fields, wrong types, values that no field holds. All that is wrong
-- is found in one pass; a path is put together only for what is.
local byte = string.byte
local NULL = 110 -- its first letter

-- Where the reading is: names[d] is the field at depth d, indexes[d] the element of it, if it is a list or map.
local names, indexes = {}, {}
local violations
-- What is wrong with a null that stands for a field; nothing where it means that the field is absent.
local null_problem
-- Ends the reading: there is more wrong than is listed.
local ENOUGH = {}
-- Of every depth: which fields of the object there were seen. The number of the object stands for true, so that
-- nothing needs emptying.
local seen_at = {}
for depth = 1, json.DEEPEST + 1 do
  seen_at[depth] = {}
end
local objects = 0

local function violate(depth, description)
  if #violations == problems.MOST_VIOLATIONS then error(ENOUGH, 0) end
  local path = {}
  for level = 1, depth do
    local index = indexes[level]
    path[level] = names[level] .. (index and "[" .. index .. "]" or "")
  end
  violations[#violations + 1] = { field = table.concat(path, "."), description = description }
end

-- The value of a field or element: read by `read`, or as anything when that refuses it.
local function value_end(text, at, read, of, depth)
  local after, problem = read(text, at, of, depth + 1)
  if after then return after end
  violate(depth, problem)
  return json.any_end(text, at, depth + 1)
end

local function message_end(text, at, message, depth)
  if byte(text, at) ~= json.OPEN_OBJECT then return nil, "must be an object" end
  if depth > json.DEEPEST then json.malformed(at, "at most " .. json.DEEPEST .. " levels of nesting") end
  local fields, seen = message.fields, seen_at[depth]
  objects = objects + 1
  local this = objects
  local element, after = json.first(text, at, json.CLOSE_OBJECT)
  while element do
    local name, value = json.name_end(text, element)
    local field = fields[name]
    if not field then
      name = json.unescaped(name)
      field = fields[name]
    end
    names[depth] = field and field.name or problems.shortened(name)
    if not field then
      violate(depth, message.unknown)
      after = json.any_end(text, value, depth + 1)
    else
      if seen[field] == this then violate(depth, "is given twice") end
      seen[field] = this
      if byte(text, value) == NULL and not field.takes_null then
        if null_problem then violate(depth, null_problem) end
        after = json.literal_end(text, value)
      else
        local choice = field.choice
        if choice then
          if seen[choice] == this then violate(depth, choice.problem) end
          seen[choice] = this
        end
        after = value_end(text, value, field.read, field.of, depth)
      end
    end
    element, after = json.following(text, after, json.CLOSE_OBJECT)
  end
  return after
end

-- What is wrong with a map's key, by its kind. In JSON all are strings.
local keys = {}

function keys.string() end

function keys.bool(key)
  if key ~= "true" and key ~= "false" then return "the key must be true or false" end
end

for _, kind in ipairs({ "int32", "uint32", "int64", "uint64" }) do
  keys[kind] = function(key)
    local _, problem = values[kind]('"' .. key .. '"', 1)
    return problem and "the key " .. problem
  end
end

-- Of the list or map `repeated`; its name is one level up.
local function elements_end(text, at, repeated, depth)
  local key_problem = repeated.keys
  local closing = key_problem and json.CLOSE_OBJECT or json.OPEN_LIST + 2
  if byte(text, at) ~= closing - 2 then return nil, key_problem and "must be an object" or "must be a list" end
  local level = depth - 1
  local given = {}
  -- Elements are replaced whole, so that absent is clear.
  local outside = null_problem
  null_problem = nil
  local element, after = json.first(text, at, closing)
  local position = 0
  while element do
    indexes[level] = position
    position = position + 1
    local value = element
    if key_problem then
      local key
      key, value = json.name_end(text, element)
      key = json.unescaped(key)
      indexes[level] = problems.quoted(problems.shortened(key))
      if given[key] then violate(level, "is given twice") end
      given[key] = true
      local problem = key_problem(key)
      if problem then violate(level, problem) end
    end
    if byte(text, value) == NULL and not repeated.takes_null then
      violate(level, "must not be null")
      after = json.literal_end(text, value)
    else
      after = value_end(text, value, repeated.read, repeated.of, level)
    end
    element, after = json.following(text, after, closing)
  end
  indexes[level] = nil
  null_problem = outside
  return after
end

local function read_body(text, body)
  json.begin(text)
  local at = json.skip_space(text, 1)
  local after, problem = body.read(text, at, body.of, 1)
  if not after then return { body = problem } end
  after = json.skip_space(text, after)
  if after <= #text then json.malformed(after, "nothing after the body's value") end
end

-- What is wrong with a body: nothing, or a table with `violations` (and whether there are `more`), with `body` (what it
-- must be), or with `at` and `wanted` (where it isn't JSON). `of_nulls` is what is wrong with a null, if anything is.
local function check(text, body, of_nulls)
  violations = {}
  null_problem = of_nulls
  local fine, problem = pcall(read_body, text, body)
  if not fine then
    indexes = {}
    if type(problem) ~= "table" then error(problem, 0) end
  end
  if problem and problem ~= ENOUGH then return problem end
  if #violations > 0 then return { violations = violations, more = problem == ENOUGH } end
end

return { check = check, keys = keys, message_end = message_end, elements_end = elements_end }
end)()

local schema = (function()
-- The generated tables, tied together: names of kinds become readers, names of types become their tables.
local function enum_of(known)
  local numbers, listed = {}, {}
  for name, number in pairs(known) do
    numbers[number] = true
    -- The zero value says that nothing is chosen.
    if number ~= 0 then listed[#listed + 1] = name end
  end
  table.sort(listed, function(one, other) return known[one] < known[other] end)
  local problem = "must be one of the names that the reference lists"
  if #listed <= 32 then problem = "must be one of " .. table.concat(listed, ", ") end
  return { known = known, numbers = numbers, problem = problem }
end

local enums = {}
for name, known in pairs(tables.enums) do
  enums[name] = enum_of(known)
end

local messages = {}
for name in pairs(tables.messages) do
  messages[name] = { fields = {}, unknown = "isn't a field of this object" }
end

-- Of fields that may be given once altogether, with the names of all of them.
local function choices_of(fields)
  local choices = {}
  for _, field in ipairs(fields) do
    local name = field.choice
    if name then
      local choice = choices[name] or { names = {} }
      choices[name] = choice
      choice.names[#choice.names + 1] = field.name
      choice.problem = "only one of " .. table.concat(choice.names, ", ") .. " may be given"
    end
  end
  return choices
end

local function linked(field, choices)
  local single = {
    name = field.name,
    kind = field.kind,
    read = field.kind == "message" and bodies.message_end or values[field.kind],
    of = field.of and (messages[field.of] or enums[field.of]),
    choice = choices[field.choice],
    takes_null = field.kind == "value",
  }
  if not field.list and not field.keys then return single end
  single.keys = field.keys and bodies.keys[field.keys]
  return { name = field.name, kind = field.kind, read = bodies.elements_end, of = single, element = single }
end

for name, fields in pairs(tables.messages) do
  local choices = choices_of(fields)
  for _, field in ipairs(fields) do
    local entry = linked(field, choices)
    messages[name].fields[entry.name] = entry
    -- Protobuf's JSON mapping takes the name of the .proto file as well.
    messages[name].fields[field.other or entry.name] = entry
  end
end

local NO_BODY = { read = bodies.message_end, of = { fields = {}, unknown = "isn't known: this call takes no body" } }

local function is_in_path()
  return nil, "is given by the path"
end

-- The fields of a request that is the whole body, but for those that the path gives.
local function without(message, bound)
  local fields = {}
  for name, field in pairs(message.fields) do
    fields[name] = bound[field.name] and { name = field.name, read = is_in_path } or field
  end
  return { fields = fields, unknown = message.unknown }
end

for _, call in ipairs(tables.calls) do
  call.request = messages[call.request]
  local bound = {}
  for _, path in ipairs(call.bound or {}) do
    bound[path] = true
  end
  call.bound = bound
  if call.body == "*" then
    call.body = { read = bodies.message_end, of = without(call.request, bound) }
  elseif call.body then
    call.body = call.request.fields[call.body]
  else
    call.body = NO_BODY
  end
end
end)()

local routes = (function()
-- Which calls a path has, found as the transcoder finds them, and what their query takes.
local find, gsub, sub, match = string.find, string.gsub, string.sub, string.match

-- A node: `children` by segment, `*` among them for any one segment and `**` for all that follow, and the calls that
-- end here, by verb (what follows the colon) and HTTP method.
local function node()
  return { children = {}, calls = {} }
end

local root = node()

-- By hand, as LuaJIT doesn't compile string.gmatch.
local function split(text, separator)
  local parts, from = {}, 1
  local at = find(text, separator, 1, true)
  while at do
    parts[#parts + 1] = sub(text, from, at - 1)
    from = at + 1
    at = find(text, separator, from, true)
  end
  parts[#parts + 1] = sub(text, from)
  return parts
end

local function collect(from, segments, at, verb, found)
  if at > #segments then
    for method, call in pairs(from.calls[verb] or {}) do
      found[method] = found[method] or call
    end
  else
    local literal, any = from.children[segments[at]], from.children["*"]
    if literal then collect(literal, segments, at + 1, verb, found) end
    if any and segments[at] ~= "" then collect(any, segments, at + 1, verb, found) end
  end
  local rest = from.children["**"]
  if rest then collect(rest, segments, #segments + 1, verb, found) end
end

-- What is found for paths without a variable, which saves 5 µs.
local fixed = {}

-- The calls of a path (without its query) by HTTP method; none when the path is unknown.
local function calls_of(path)
  if fixed[path] then return fixed[path] end
  local found = {}
  local place = sub(path, 2)
  local before, verb
  if find(place, ":", 1, true) then
    before, verb = match(place, "^(.*):([^:/]*)$")
  end
  local segments = split(before or place, "/")
  while segments[1] and segments[#segments] == "" do
    segments[#segments] = nil
  end
  collect(root, segments, 1, verb or "", found)
  return found
end

for _, call in ipairs(tables.calls) do
  local place = root
  for _, segment in ipairs(split(call.path, "/")) do
    place.children[segment] = place.children[segment] or node()
    place = place.children[segment]
  end
  local verb = call.verb or ""
  place.calls[verb] = place.calls[verb] or {}
  place.calls[verb][call.method] = call
end

for _, call in ipairs(tables.calls) do
  local path = "/" .. call.path .. (call.verb and ":" .. call.verb or "")
  if not find(path, "*", 1, true) then fixed[path] = calls_of(path) end
end

local function decoded(text)
  return (gsub(gsub(text, "+", " "), "%%(%x%x)", function(code)
    return string.char(tonumber(code, 16))
  end))
end

-- A path and its query, if there is one.
local function parts_of(target)
  local mark = find(target, "?", 1, true)
  if not mark then return target end
  return sub(target, 1, mark - 1), sub(target, mark + 1)
end

-- The field that a parameter's name leads to, from message to message, and the path to it in lowerCamelCase.
local function parameter(message, name)
  local field
  local path = {}
  for position, part in ipairs(split(name, ".")) do
    field = message and message.fields[part]
    if not field then return end
    path[position] = field.name
    message = field.of and field.of.fields and field.of
  end
  return field, table.concat(path, ".")
end

-- What is wrong with a parameter's value, read as if it were JSON. Objects and lists can't be written in a query.
local function value_problem(field, value)
  local text = problems.quoted(value)
  if field.element then field = field.element end
  if field.of and field.of.fields then return "can't be given in the query" end
  -- In a query the transcoder takes only numbers that it knows.
  if field.kind == "enum" and find(value, "^%-?%d+$") then
    return not field.of.numbers[tonumber(value)] and field.of.problem or nil
  end
  if field.kind == "bool" then text = value end
  json.begin(text)
  local fine, after, problem = pcall(field.read, text, 1, field.of, 1)
  if not fine or not after then
    local hint = field.kind == "timestamp" and find(value, " ", 1, true) and "; in a query, + is written %2B" or ""
    return (problem or "isn't valid") .. hint
  end
  return after <= #text and "isn't valid" or nil
end

-- Whether a parameter has no value. The transcoder passes over those, whatever their names.
local function has_bare_parameter(query)
  for pair in string.gmatch(query, "[^&]+") do
    if not find(pair, "=", 1, true) then return true end
  end
  return false
end

-- Whether a query has the parameter for a field of the request, by its path in lowerCamelCase.
local function has_parameter(query, call, wanted)
  for _, pair in ipairs(split(query, "&")) do
    local _, path = parameter(call.request, decoded(match(pair, "^[^=]*")))
    if path == wanted then return true end
  end
  return false
end

-- What is wrong with a query: a list of violations, empty when the fault isn't there.
local function query_violations(query, call)
  local found = {}
  for _, pair in ipairs(split(query, "&")) do
    local name, value = match(pair, "^([^=]+)=?(.*)$")
    if name then
      name, value = decoded(name), decoded(value)
      local field = parameter(call.request, name)
      local problem = "isn't a parameter of this call"
      if field then problem = value_problem(field, value) end
      if problem then found[#found + 1] = { field = problems.shortened(name), description = problem } end
      if #found == problems.MOST_VIOLATIONS then break end
    end
  end
  return found
end

-- A query without the parameters that would overwrite what the path gives, which the transcoder takes from the query as
-- well; nothing when it has none. All other bytes stay as they are: what is decoded and encoded again may come out as
-- other parameters.
local function without_bound(query, call)
  local kept, all = {}, split(query, "&")
  for _, pair in ipairs(all) do
    local _, path = parameter(call.request, decoded(match(pair, "^[^=]*")))
    if not (path and call.bound[path]) then kept[#kept + 1] = pair end
  end
  if #kept < #all then return table.concat(kept, "&") end
end

return {
  calls_of = calls_of,
  parts_of = parts_of,
  has_bare_parameter = has_bare_parameter,
  has_parameter = has_parameter,
  without_bound = without_bound,
  query_violations = query_violations,
}
end)()

local requests = (function()
-- REST requests in front of the transcoder, which takes JSON loosely and drops what it doesn't know. Bodies are checked
-- here; paths and queries are refused by the transcoder itself, and its answer is put into our words.
local find, format, gsub, match, sub = string.find, string.format, string.gsub, string.match, string.sub

-- What to answer: an HTTP status, a body, and the methods that the path has where that is what is wrong.
local function answer(headers, reason, message, more)
  more = more or {}
  local status, body = problems.answer(reason, message, headers:get("x-request-id"), more.violations, more.metadata)
  return { [":status"] = tostring(status), ["content-type"] = "application/json", allow = more.allow }, body
end

local function is_json(content_type)
  if content_type == "application/json" then return true end
  local kind, parameters = match(string.lower(content_type), "^%s*([^;%s]+)(.*)$")
  if kind ~= "application/json" and not find(kind or "", "^[%w.-]+/[%w.+-]+%+json$") then return false end
  local charset = match(parameters, ';%s*charset%s*=%s*"?([%w-]+)')
  return not charset or charset == "utf-8" or charset == "utf8"
end

local function is_plain(coding)
  return not coding or coding == "identity"
end

local function unsupported(headers, coding)
  local message, accepted = "the body must not be compressed", "identity"
  if is_plain(coding) then
    message = "the body must be JSON in UTF-8, sent with the content type application/json"
    accepted = "application/json"
  end
  return answer(headers, "UNSUPPORTED_MEDIA_TYPE", message, { metadata = { accepted = accepted } })
end

local function too_large(headers, most)
  local bytes = format("%d", most)
  local message = "the body is larger than " .. bytes .. " bytes"
  return answer(headers, "REQUEST_TOO_LARGE", message, { metadata = { maxBytes = bytes } })
end

-- Line and column of a position, in characters, both from 1.
local function place(text, at)
  local line, start = 1, 1
  local newline = find(text, "\n", 1, true)
  while newline and newline < at do
    line, start = line + 1, newline + 1
    newline = find(text, "\n", start, true)
  end
  local _, characters = gsub(sub(text, start, at - 1), "[^\128-\191]", "")
  return line, characters + 1
end

local function wrong(headers, text, problem)
  if problem.at then
    local line, column = place(text, problem.at)
    local message = format("the body isn't valid JSON: line %d, column %d: wanted %s", line, column, problem.wanted)
    return answer(headers, "MALFORMED_REQUEST", message)
  end
  if problem.body then return answer(headers, "MALFORMED_REQUEST", "the body " .. problem.body) end
  local more = problem.more and "more than " or ""
  local message = format("the body has %s%d wrong field(s)", more, #problem.violations)
  return answer(headers, "INVALID_REQUEST", message, { violations = problem.violations })
end

-- The path has no call of this method.
local function unknown(headers, calls, method)
  local methods = {}
  for each in pairs(calls) do
    methods[#methods + 1] = each
  end
  if #methods == 0 then return answer(headers, "ROUTE_NOT_FOUND", "no such path") end
  table.sort(methods)
  local allow = table.concat(methods, ", ")
  local message = format("the path takes %s, not %s", allow, method)
  return answer(headers, "METHOD_NOT_ALLOWED", message, { metadata = { allowed = allow }, allow = allow })
end

local function wrong_query(headers, listed)
  local message = format("the query has %d wrong parameter(s)", #listed)
  return answer(headers, "INVALID_REQUEST", message, { violations = listed })
end

-- A change without a mask takes the fields that are present, and whoever writes null means to clear the field.
local NULL_PROBLEM = "must not be null: to clear a field, name it in the parameter updateMask"

-- What is wrong with a null in the body: something in a change without a mask.
local function null_problem(method, query, call)
  if method ~= "PATCH" or not call.request.fields.updateMask then return end
  if not (query and routes.has_parameter(query, call, "updateMask")) then return NULL_PROBLEM end
end

-- Reads the body of a REST request whole, except where it is the content of a file. What to answer if it is wrong.
local function check(handle, headers, content_type)
  local method = headers:get(":method")
  local path, query = routes.parts_of(headers:get(":path"))
  -- Bodies of these are rare, and to find none costs less than to find the call.
  if not query and (method == "GET" or method == "DELETE") then
    if not handle:body() then return end
    headers = handle:headers() -- body() killed the object from before
  end
  local calls = routes.calls_of(path)
  local call = calls[method]
  if not call then return unknown(headers, calls, method) end
  if query then
    local kept = next(call.bound) and routes.without_bound(query, call)
    if kept then
      headers:replace(":path", kept == "" and path or path .. "?" .. kept)
      query = kept
    end
    local listed = routes.has_bare_parameter(query) and routes.query_violations(query, call)
    if listed and #listed > 0 then return wrong_query(headers, listed) end
  end
  local length = tonumber(headers:get("content-length") or 0)
  if call.most and length > call.most then return too_large(headers, call.most) end
  if call.raw then return end
  local coding = headers:get("content-encoding")
  local body = handle:body()
  local size = body and body:length() or 0
  if size == 0 then return end
  if size > call.most then return too_large(handle:headers(), call.most) end
  if not is_plain(coding) or not is_json(content_type or "") then return unsupported(handle:headers(), coding) end
  local text = body:getBytes(0, size)
  local problem = bodies.check(text, call.body, null_problem(method, query, call))
  if problem then return wrong(handle:headers(), text, problem) end
end

-- The transcoder, or a limit on bodies, has refused the request: what to answer instead, if more can be said.
local function explain(headers, status)
  local method = headers:get("x-envoy-original-method") or headers:get(":method")
  local path, query = routes.parts_of(headers:get("x-envoy-original-path") or headers:get(":path"))
  local calls = routes.calls_of(path)
  local call = calls[method]
  if not call then return unknown(headers, calls, method) end
  if status == 413 then
    if not call.most then return end
    return too_large(headers, call.most)
  end
  local listed = routes.query_violations(query or "", call)
  if #listed > 0 then return wrong_query(headers, listed) end
end

return { check = check, explain = explain }
end)()

-- The two entry points of the filter. Answers: sets the HTTP status of REST answers, which no other filter of Envoy
-- can, cleans their headers, and speaks of fields as REST callers write them.
-- What a service may turn a mapped 4xx into.
local refined = { [405] = true, [409] = true, [412] = true, [413] = true, [415] = true, [422] = true }

local function success(code)
  local status = tonumber(code)
  if status and status >= 200 and status <= 599 and status == math.floor(status) then return status end
end

-- As the transcoder tells: `application/grpc-web` was turned into it by the filter in front of us.
local function is_grpc(content_type)
  return content_type and string.sub(content_type, 1, 16) == "application/grpc" and string.find(content_type, "^%+", 17)
end

local function set_body(handle, text)
  local body = handle:body()
  if body then body:setBytes(text) end
  local headers = handle:headers() -- body() killed the object from before
  headers:replace("content-length", tostring(#text))
  return headers
end

local function explain(handle, headers, status)
  headers:remove("x-fitnesshub-refused")
  local better, text = requests.explain(handle:requestHeaders(), status)
  if not better then return end
  for name, value in pairs(better) do
    headers:replace(name, value)
  end
  set_body(handle, text)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local content_type = headers:get("content-type")
  if content_type == "application/grpc" or is_grpc(content_type) then return end
  -- A REST body isn't compressed by gRPC's rules; the service would answer INTERNAL.
  headers:remove("grpc-encoding")
  local refusal, text = requests.check(handle, headers, content_type)
  if refusal then handle:respond(refusal, text) end
end

-- `workout.sets[2].reps` of the request message is `sets[2].reps` of the body that is its `workout`.
local function name_as_written(handle, field)
  local body = handle:body()
  local text = body and body:getBytes(0, body:length()) or ""
  local renamed, count = string.gsub(text, '("field":")' .. field .. "%.", "%1")
  if count > 0 then set_body(handle, renamed) end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local code = headers:get("x-http-code")
  headers:remove("x-http-code")
  local content_type = headers:get("content-type") or ""
  if string.sub(content_type, 1, 16) == "application/grpc" then return end
  headers:remove("grpc-status")
  headers:remove("grpc-message")
  headers:remove("grpc-accept-encoding")
  headers:remove("grpc-encoding")
  local status = tonumber(headers:get(":status"))
  if status >= 400 and status <= 499 then
    if headers:get("x-fitnesshub-refused") then return explain(handle, headers, status) end
    if code and refined[tonumber(code)] then headers:replace(":status", code) end
    local field = handle:filterContext():get("body")
    if field then name_as_written(handle, field) end
    return
  end
  if status ~= 200 then return end
  local wanted = success(code) or success(handle:filterContext():get("success_status"))
  if not wanted then return end
  headers:replace(":status", string.format("%d", wanted))
  if wanted == 204 or wanted == 304 then
    headers = set_body(handle, "")
    headers:remove("content-length")
    headers:remove("content-type")
  end
end
