-- Sets the HTTP status of REST answers, which no other filter of Envoy can, and cleans their headers.
-- What a service may turn a mapped 4xx into.
local refined = {[405] = true, [409] = true, [412] = true, [413] = true, [415] = true, [422] = true}

local function success(code)
  local status = tonumber(code)
  if status and status >= 200 and status <= 599 and status == math.floor(status) then return status end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local content_type = headers:get("content-type") or ""
  -- A REST body isn't compressed by gRPC's rules; the service would answer INTERNAL.
  if string.sub(content_type, 1, 16) ~= "application/grpc" then headers:remove("grpc-encoding") end
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
    if code and refined[tonumber(code)] then headers:replace(":status", code) end
    return
  end
  if status ~= 200 then return end
  local wanted = success(code) or success(handle:filterContext():get("success_status"))
  if not wanted then return end
  headers:replace(":status", string.format("%d", wanted))
  if wanted == 204 or wanted == 304 then
    local body = handle:body(true)
    if body then body:setBytes("") end
    headers = handle:headers() -- body() killed the object from before
    headers:remove("content-length")
    headers:remove("content-type")
  end
end
