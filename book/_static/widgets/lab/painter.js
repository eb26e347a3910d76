// The lab, part 4 of 5: the painter. It puts poles, wires and vehicles before a street's
// background, or a sign on a wall, and takes the photograph, as the data sets of the book
// do (simseg_core/data). Picture and label are painted together, so that the page
// always knows the truth: a pixel belongs to what covers at least half of it.
"use strict";

{
  const { newMap, bytes } = simsegLab;

  // What every scene has, unpacked once: a background with its labels, and noise.
  function readBackground(scene) {
    const noise = new Int8Array(bytes(scene.noise).buffer);
    return { ...scene, image: bytes(scene.image), label: bytes(scene.label), noise };
  }

  function readStreet(street) {
    const vehicles = street.vehicles.map((one) => ({ ...one, pixels: bytes(one.pixels) }));
    return { ...readBackground(street), vehicles };
  }

  function readWall(wall) {
    const symbols = Object.fromEntries(
      Object.entries(wall.symbols).map(([radius, one]) =>
        [radius, { ...one, alpha: bytes(one.alpha) }]),
    );
    return { ...readBackground(wall), symbols };
  }

  function canvasOf({ image, label }, side) {
    return { side, image: Float32Array.from(image), label: label.slice() };
  }

  // `painted` holds the pixels that the reader painted, each as row * side + column.
  function paintStreet(street, { side, vehicleClass, poleClass, painted = [] }) {
    const canvas = canvasOf(street, side);
    paintPoles(canvas, street.poles, poleClass);
    for (const vehicle of street.vehicles) paintVehicle(canvas, vehicle, vehicleClass);
    for (const pixel of painted) {
      cover(canvas, pixel % side, Math.floor(pixel / side), 1, street.poles.color, poleClass);
    }
    return { photograph: expose(canvas, street), label: canvas.label };
  }

  // Blend a colour into one pixel; the label follows where the pixel is half covered.
  function cover({ side, image, label }, x, y, alpha, color, classIndex) {
    if (x < 0 || x >= side || y < 0 || y >= side) return;
    const pixel = y * side + x;
    for (let c = 0; c < 3; c++) {
      const at = c * side * side + pixel;
      image[at] = image[at] * (1 - alpha) + color[c] * alpha;
    }
    if (classIndex !== null && alpha >= 0.5) label[pixel] = classIndex;
  }

  // How much of the pixel from n to n + 1 lies between two places.
  function shared(n, low, high) {
    return Math.max(0, Math.min(n + 1, high) - Math.max(n, low));
  }

  // An upright rectangle between places that need not be whole pixels.
  function paintBar(canvas, color, [left, right], [top, bottom], classIndex) {
    for (let y = Math.floor(top); y < bottom; y++) {
      for (let x = Math.floor(left); x < right; x++) {
        const alpha = shared(x, left, right) * shared(y, top, bottom);
        cover(canvas, x, y, alpha, color, classIndex);
      }
    }
  }

  // Poles at equal distances, each with an arm at the height of each wire. Lengths that
  // do not change with the reader's hand are those of the data set, made for 96 pixels.
  function paintPoles(canvas, line, classIndex) {
    const { side } = canvas;
    const unit = side / 96;
    const thick = Math.max(1, unit);
    const arm = 4 * unit;
    const top = line.foot - line.height;
    const beams = Array.from({ length: line.wires }, (_, level) => top + (2 + 5 * level) * unit);
    for (let x = line.first - line.gap; x < side + line.gap; x += line.gap) {
      paintBar(canvas, line.color, [x, x + line.trunk], [top, line.foot], classIndex);
      for (const y of beams) {
        const ends = [x - arm, x + line.trunk + arm];
        paintBar(canvas, line.color, ends, [y, y + thick], classIndex);
      }
    }
    // A wire hangs as a parabola from pole to pole: `sag` pixels deep in the middle.
    for (const y of beams) {
      for (let x = 0; x < side; x++) {
        const share = (x + 0.5 - line.first) / line.gap;
        const along = share - Math.floor(share);
        const hangs = y + 4 * line.sag * along * (1 - along);
        paintBar(canvas, line.color, [x, x + 1], [hangs, hangs + thick], classIndex);
      }
    }
  }

  // The vehicle at a pixel, the one in front where there are two; undefined for none.
  function vehicleAt(street, [row, column]) {
    const hit = (one) =>
      column >= one.left && column < one.left + one.width &&
      row >= one.bottom - one.height && row < one.bottom;
    return street.vehicles.findLast(hit);
  }

  const BLACK = [0, 0, 0];

  function paintVehicle(canvas, vehicle, classIndex) {
    const { pixels, width, height, left, bottom } = vehicle;

    // The shadow: a flat ellipse that fades at its border. It has no label.
    const [flat, wide] = vehicle.shadow;
    const corner = [left + (width - wide) / 2, bottom - Math.floor(flat / 2)];
    for (let y = 0; y < flat; y++) {
      for (let x = 0; x < wide; x++) {
        const down = ((y + 0.5) / flat) * 2 - 1;
        const across = ((x + 0.5) / wide) * 2 - 1;
        const alpha = Math.min(Math.max(1.3 - down ** 2 - across ** 2, 0), 1);
        const dark = alpha * vehicle.shadowDepth;
        cover(canvas, corner[0] + x, corner[1] + y, dark, BLACK, null);
      }
    }

    // The vehicle: red, green and blue are already multiplied by their opacity.
    const sheet = width * height;
    for (let n = 0; n < sheet; n++) {
      const alpha = pixels[3 * sheet + n] / 255;
      if (alpha === 0) continue;
      const color = [0, 1, 2].map((c) => pixels[c * sheet + n] / alpha);
      const x = left + (n % width);
      cover(canvas, x, bottom - height + Math.floor(n / width), alpha, color, classIndex);
    }
  }

  // A sign: a disc in the rim's colour, a smaller one of paper on it, and a symbol in ink.
  // The whole of it has the class that its rim tells.
  function paintSign(wall, { side }) {
    const canvas = canvasOf(wall, side);
    const { row, column, radius, kind } = wall.sign;
    const thick = Math.max(2, 0.09 * radius);
    paintDisc(canvas, wall.rims[kind - 1], [row, column], radius, kind);
    paintDisc(canvas, wall.paper, [row, column], radius - thick, kind);
    const { alpha, width, height } = wall.symbols[radius];
    const [top, left] = [row - Math.floor(height / 2), column - Math.floor(width / 2)];
    alpha.forEach((one, n) => {
      const [x, y] = [left + (n % width), top + Math.floor(n / width)];
      cover(canvas, x, y, one / 255, wall.ink, kind);
    });
    return { photograph: expose(canvas, wall), label: canvas.label };
  }

  // Pixels on the border are covered in part, by how far they reach over it.
  function paintDisc(canvas, color, [row, column], radius, classIndex) {
    for (let y = Math.floor(row - radius - 1); y <= row + radius + 1; y++) {
      for (let x = Math.floor(column - radius - 1); x <= column + radius + 1; x++) {
        const far = Math.hypot(y + 0.5 - row, x + 0.5 - column);
        const alpha = Math.min(Math.max(radius + 0.5 - far, 0), 1);
        cover(canvas, x, y, alpha, color, classIndex);
      }
    }
  }

  // The photograph: light that changes from side to side, noise, whole numbers to 255.
  function expose({ side, image }, { light, tilt, noise, noiseSteps, noiseDeviation }) {
    const shot = newMap(3, side, side);
    for (let n = 0; n < image.length; n++) {
      const across = (n % side) / side - 0.5;
      const lit = image[n] * light[Math.floor(n / side ** 2)] * (1 + tilt * across);
      const value = lit + (noise[n] / noiseSteps) * noiseDeviation;
      shot.data[n] = Math.floor(Math.min(Math.max(value, 0), 255));
    }
    return shot;
  }

  Object.assign(simsegLab, { readStreet, paintStreet, vehicleAt, readWall, paintSign });
}
