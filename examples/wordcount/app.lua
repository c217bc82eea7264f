-- Word count: lines into words, words counted in a store.
--
--     tidemill run examples/wordcount/app.lua
--     tidemill consume word-counts -e -q -f '%k %s\n'
--
-- prints examples/wordcount/expected.txt: a word with its new count each time it came. The last
-- line of each word is the count that holds; `compact = true` lets the log forget the others.
-- Append to examples/wordcount/lines.txt, and the counts go on.
local S = require "tidemill"
local app = S.app "wordcount"

app:topic("word-counts", { partitions = 1, compact = true })
app:source("lines", { type = "file", path = "examples/wordcount/lines.txt", topic = "lines" })

app:stream("lines", { value = "text" })
  :flat_map(function(r)
    local words = {}
    for word in r.value:lower():gmatch "%a+" do
      words[#words + 1] = { key = word, value = 1 }
    end
    return words
  end)
  :group_by_key() -- the key changed, so equal words meet through a topic of the app first
  :count { name = "words" }
  :to "word-counts"

return app
