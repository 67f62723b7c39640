// A serializer of which setup never returns.
export class TwilioFrameSerializer {
  setup() {
    return new Promise(() => {});
  }

  serialize() {
    return null;
  }
}
