#include "app/suggest.h"

#include <gtest/gtest.h>

using namespace proxprop::app;

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("epochs", "epochs"), 0U);
  EXPECT_EQ(edit_distance("epoch", "epochs"), 1U);
  EXPECT_EQ(edit_distance("epochss", "epochs"), 1U);
  EXPECT_EQ(edit_distance("apochs", "epochs"), 1U);
  EXPECT_EQ(edit_distance("epcohs", "epochs"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(EditDistance, IsSymmetric) {
  for (const auto& [left, right] : {std::pair{"exact", "exit"}, {"backprop", "backpropagation"}, {"", "cg"}}) {
    EXPECT_EQ(edit_distance(left, right), edit_distance(right, left));
  }
}

TEST(Nearest, TakesDashAndUnderscoreAndCaseAsTheSame) {
  EXPECT_EQ(nearest("--batch_size", {"--epochs", "--batch-size"}), "--batch-size");
  EXPECT_EQ(nearest("EXACT", {"backprop", "exact"}), "exact");
}

TEST(Nearest, IsSilentWhereNothingIsNear) {
  EXPECT_EQ(nearest("xyzzy", {"backprop", "exact"}), "");
  EXPECT_EQ(did_you_mean("xyzzy", {"backprop"}), "");
  EXPECT_EQ(nearest("word", {}), "");
}

TEST(DidYouMean, NamesTheNearest) {
  EXPECT_EQ(did_you_mean("--epoch", {"--eps", "--epochs"}), " (did you mean --epochs?)");
}
