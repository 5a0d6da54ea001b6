// The E-model against values of G.107 and G.113.
#include "protocols/wire/voice_quality.h"

#include <gtest/gtest.h>

#include "protocols/wire/codec_table.h"

namespace microcloud {
namespace {

double mos(const CodecImpairment& codec, double loss_percent, double delay_ms = 0) {
  return mos_of(r_factor(codec, loss_percent, delay_ms));
}

TEST(VoiceQuality, CodecsAndTheirLosses) {
  struct Vector {
    CodecImpairment codec;
    double at[3];  // 0, 1, 5 % lost
  };
  const Vector vectors[] = {{kG711Plain, {4.409, 3.834, 2.169}},
                            {*CodecTable().find("PCMU"), {4.409, 4.328, 3.923}},
                            {*CodecTable().find("G729"), {4.104, 3.946, 3.340}},
                            {*CodecTable().find("G723"), {3.954, 3.758, 3.061}},
                            {*CodecTable().find("GSM-EFR"), {4.292, 4.025, 3.006}}};
  for (const Vector& vector : vectors) {
    EXPECT_NEAR(mos(vector.codec, 0), vector.at[0], 0.001);
    EXPECT_NEAR(mos(vector.codec, 1), vector.at[1], 0.001);
    EXPECT_NEAR(mos(vector.codec, 5), vector.at[2], 0.001);
  }
}

TEST(VoiceQuality, Delay) {
  EXPECT_NEAR(mos(kG711Plain, 0, 150), 4.329, 0.001);
  EXPECT_NEAR(mos(kG711Plain, 0, 200), 4.226, 0.001);
  EXPECT_NEAR(mos(kG711Plain, 0, 300), 3.712, 0.001);
}

TEST(VoiceQuality, Ends) {
  EXPECT_EQ(mos_of(0), 1);
  EXPECT_EQ(mos_of(-5), 1);
  EXPECT_EQ(mos_of(100), 4.5);
  EXPECT_GE(r_factor(kG711Plain, 100, 2000), 0);
}

}  // namespace
}  // namespace microcloud
