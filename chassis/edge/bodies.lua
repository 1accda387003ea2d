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
