// Where the master is, as Redis Sentinel knows it (https://redis.io/docs/latest/develop/reference/sentinel-clients/).
#pragma once

#include "resp/client.h"
#include "resp/url.h"

namespace microcloud::resp {

/// Asks one sentinel after the other, at each connect anew, and begins with the one that answered last. With it belongs
/// ClientSettings::master_only: a sentinel may not know yet that its master is none any more. `settings`: how to
/// connect to the sentinels; their user is not the server's.
Locator located_by_sentinels(Loop& loop, std::vector<Endpoint> sentinels, std::string master_name,
                             ClientSettings settings);

/// Of a URL of a node or of sentinels, which are reached encrypted where it is: with `tls`.
Locator located_by(Loop& loop, const Url& url, std::shared_ptr<const StreamTls> tls);

}  // namespace microcloud::resp
