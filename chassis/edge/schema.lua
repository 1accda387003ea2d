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
