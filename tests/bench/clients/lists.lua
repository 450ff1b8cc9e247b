-- The same with pages of the list: of the first 20 no page comes again before the 19 others. (MySQL skips the rows before
-- a page one by one, so late pages would measure that.)
dofile("/bench/report.lua")

local count = 0

function request()
    count = count + 1
    return wrk.format("GET", "/products?page=" .. (count * 7919 % 20 + 1))
end
