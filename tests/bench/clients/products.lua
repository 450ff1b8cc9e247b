-- Each request asks for another product, so that no two which are under way at once can share one answer of MySQL.
dofile("/bench/report.lua")

local count = 0

function request()
    count = count + 1
    return wrk.format("GET", "/products/" .. (count * 7919 % 1000 + 1))
end
