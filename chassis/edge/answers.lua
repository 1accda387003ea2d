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
