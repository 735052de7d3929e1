// Settings are checked where they come in; what is wrong is said with the field's name and value. PURE.
#pragma once

#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

namespace tidegate {

// Throws std::invalid_argument unless least <= value <= most (so NaN never passes).
template <typename T>
void check_range(const std::string& field, T value, T least, T most = std::numeric_limits<T>::max()) {
  if (value >= least && value <= most) return;
  std::ostringstream message;
  message << field << " = " << value << ": must be ";
  if (most == std::numeric_limits<T>::max())
    message << "at least " << least;
  else
    message << "from " << least << " to " << most;
  throw std::invalid_argument(message.str());
}

// A duration that ends: over 0, in seconds.
inline void check_duration(const std::string& field, double value_s) {
  if (value_s > 0) return;
  std::ostringstream message;
  message << field << " = " << value_s << ": must be over 0 seconds";
  throw std::invalid_argument(message.str());
}

}  // namespace tidegate
