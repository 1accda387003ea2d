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
