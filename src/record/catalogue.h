// Every record type and element in words: for people, for scripts, for validators, for docs/fields.md.
#pragma once

#include <span>
#include <string>

#include "record/record.h"

namespace microcloud {

using RecordTypes = std::span<const RecordType* const>;

/// These three also have what only exports tell (derived_fields()).
std::string catalogue_text(RecordTypes types);
std::string catalogue_json(RecordTypes types);
std::string catalogue_markdown(RecordTypes types);
/// JSON Schema (2020-12) of one line: exactly the elements of its record type, and of what kind they are.
std::string catalogue_schema(RecordTypes types);

}  // namespace microcloud
