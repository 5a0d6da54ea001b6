// Link types by libpcap's own numbers (DLT), which differ from those in files for a few.
#pragma once

#include "capture/source.h"

namespace microcloud {

/// The DLT that libpcap uses in memory for a type that stands in a file, and back.
int dlt_of(LinkType type);
LinkType link_type_of(int dlt);

/// One sentence for a link type that no decoder reads.
std::string unsupported_link_type(LinkType type);

}  // namespace microcloud
