#include "train/records/epoch_csv.h"

#include "train/records/number_text.h"

namespace proxprop::train {

std::string epoch_csv_header() {
  return "epoch,step,seconds,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,test_accuracy,"
         "lr,evaluations\n";
}

std::string epoch_csv_row(const EpochEvent& epoch) {
  std::string row = std::to_string(epoch.epoch) + "," + std::to_string(epoch.step);
  for (const double value :
       {epoch.seconds, epoch.train_loss, epoch.train_accuracy, epoch.validation_loss, epoch.validation_accuracy,
        epoch.test_loss, epoch.test_accuracy, epoch.lr, epoch.evaluations}) {
    row += ',';
    row += exact_text(value);
  }
  return row + "\n";
}

}  // namespace proxprop::train
