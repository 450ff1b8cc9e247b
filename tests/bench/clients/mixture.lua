-- A mixture of requests: most need no backend, one in twenty is a product of its own, one in twenty a page of the list.
dofile("/bench/report.lua")

local count = 0

function request()
    count = count + 1
    if count % 20 == 7 then
        return wrk.format("GET", "/products/" .. (count * 7919 % 1000 + 1))
    elseif count % 20 == 17 then
        return wrk.format("GET", "/products?page=" .. (count * 7919 % 50 + 1))
    end
    return wrk.format("GET", "/livez")
end
