// SPDX-License-Identifier: Apache-2.0
//
// lkvideo.hpp without exceptions and without RTTI, as game engines build it: every failure goes into a Status.
#include <lkvideo.hpp>

int main() {
    lkv::Status status;
    lkv::Room player("loopback:plain?identity=player", {}, {}, status);
    lkv::Receiver receiver(player, {}, status);
    lkv::Room agent("loopback:plain?identity=agent&kind=agent", {}, {}, status);
    lkv::Output output(agent, "player", {}, status);
    if (!status) return 1;

    std::vector<std::uint8_t> pixels(lkv::frame_size(LKV_PIXEL_NV12, 33, 17, status), 99);
    const lkv_frame_desc frame = lkv::packed(LKV_PIXEL_NV12, 33, 17, pixels.data(), 0, status);
    if (!status || !output.send(frame, 60000, status)) return 2;
    output.flush(status);

    std::size_t frames = 0;
    for (auto &event : receiver) {
        if (event.type() == LKV_EVENT_FRAME) frames += event.frame().size() == pixels.size();
        if (event.type() == LKV_EVENT_SEGMENT_END) receiver.close();
    }
    if (frames != 1) return 3;

    lkv::Room none("nonsense", {}, {}, status);
    return !none && status.result() == LKV_ERROR_URL ? 0 : 4;
}
