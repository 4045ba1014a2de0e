#pragma once

#include <proxprop/prox/communicator.h>
#include <proxprop/prox/export.h>

#include <c10/util/intrusive_ptr.h>

#include <memory>
#include <string>

namespace c10d {
class ProcessGroup;
}

namespace proxprop {

/// A communicator over the ranks of a c10d process group (Gloo, NCCL). Its calls return when the result is there, as
/// far as the backend tells the host; they throw what the backend throws, among it that a rank is gone or the group's
/// timeout has passed.
PROXPROP_API std::shared_ptr<Communicator> process_group_communicator(c10::intrusive_ptr<c10d::ProcessGroup> group);

/// The same for the group that is registered under `name`: in Python, `torch.distributed.init_process_group` and
/// `new_group` register theirs as `group.group_name`.
PROXPROP_API std::shared_ptr<Communicator> process_group_communicator(const std::string& name);

}  // namespace proxprop
