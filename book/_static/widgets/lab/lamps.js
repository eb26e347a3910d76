// Roads with a lamp, which the attention lab and the gates lab share: each road is there
// under either lamp, and its vehicles' pixels are the same under both.
"use strict";

{
  const { newMap, bytes, sheetOf } = simsegLab;

  const LAMPS = { stop: "stop", go: "go" };

  function readRoad(scene, side) {
    const photographs = {};
    for (const state of Object.keys(LAMPS)) {
      photographs[state] = newMap(3, side, side);
      photographs[state].data.set(bytes(scene[state]));
    }
    return { photographs, vehicles: bytes(scene.vehicles) };
  }

  // Of the vehicles' pixels, the share where the larger of the two logits, "stop" and
  // "go", is the one that this lamp asks for: the accuracy of chapters 01 and 02.
  function rightUnder(lamp, vehicles, logits) {
    const [stop, go] = [sheetOf(logits, 1), sheetOf(logits, 2)];
    let [hits, all] = [0, 0];
    vehicles.forEach((vehicle, n) => {
      if (!vehicle) return;
      all++;
      if (stop[n] > go[n] === (lamp === "stop")) hits++;
    });
    return hits / all;
  }

  Object.assign(simsegLab, { LAMPS, readRoad, rightUnder });
}
