// Google's own client of YouTube, pointed at BASE_URL: consents, uploads FILE with its thumbnail, and
// prints what came of it as JSON. The client's code alone speaks to the service.
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";

const [folder, base, file, picture] = process.argv.slice(2);
const { youtube, auth } = createRequire(folder + "/")("@googleapis/youtube");
const redirectUri = "http://127.0.0.1:9/back";
const root = { rootUrl: base + "/" };

function newSession() {
  return new auth.OAuth2({
    clientId: "sandbox-client",
    clientSecret: "sandbox-secret",
    redirectUri,
    endpoints: {
      oauth2AuthBaseUrl: base + "/o/oauth2/v2/auth",
      oauth2TokenUrl: base + "/token",
      oauth2RevokeUrl: base + "/revoke",
    },
  });
}

async function signIn(session) {
  const { codeVerifier, codeChallenge } = await session.generateCodeVerifierAsync();
  const url = session.generateAuthUrl({
    access_type: "offline",
    scope: ["https://www.googleapis.com/auth/youtube", "https://www.googleapis.com/auth/youtube.upload"],
    state: "a b&c",
    code_challenge: codeChallenge,
    code_challenge_method: "S256",
  });
  const answer = await fetch(url + "&sandbox_consent=allow", { redirect: "manual" });
  const back = new URL(answer.headers.get("location"));
  const { tokens } = await session.getToken({ code: back.searchParams.get("code"), codeVerifier });
  session.setCredentials(tokens);
  return { state: back.searchParams.get("state"), tokens };
}

function refused(error) {
  const said = error.response?.data?.error;
  return { status: error.status, reason: said?.errors?.[0]?.reason ?? said ?? error.message };
}

const session = newSession();
const { state, tokens } = await signIn(session);
const api = youtube({ version: "v3", auth: session });
const video = (title) => ({
  part: ["snippet", "status"],
  requestBody: { snippet: { title, tags: ["a", "b c"] }, status: { privacyStatus: "public" } },
  media: { mimeType: "video/mp4", body: createReadStream(file) },
});
const inserted = await api.videos.insert(video("Ünï & “code” 🎬"), root);
const { id } = inserted.data;
const thumbnail = await api.thumbnails.set(
  { videoId: id, media: { mimeType: "image/jpeg", body: createReadStream(picture) } }, root);
const listed = await api.videos.list({ part: ["status", "processingDetails"], id: [id] }, root);
const channel = await api.channels.list({ part: ["contentDetails"], mine: true }, root);
const { uploads } = channel.data.items[0].contentDetails.relatedPlaylists;
const items = await api.playlistItems.list({ part: ["snippet"], playlistId: uploads }, root);
const tooLong = await api.videos.insert(video("x".repeat(101)), root).catch(refused);
const noPicture = await api.thumbnails.set(
  { videoId: id, media: { mimeType: "image/png", body: "no picture" } }, root).catch(refused);
session.setCredentials({ refresh_token: tokens.refresh_token });
const { token } = await session.getAccessToken();
await session.revokeToken(token);
const revoked = await newSession().refreshToken?.(tokens.refresh_token).catch(refused);

console.log(JSON.stringify({
  state,
  scopes: tokens.scope,
  inserted: inserted.data,
  thumbnail: thumbnail.data,
  listed: listed.data,
  items: items.data.items.map((item) => item.snippet.resourceId.videoId),
  tooLong,
  noPicture,
  refreshed: Boolean(token) && token !== tokens.access_token,
  revoked,
}));
process.exit(0); // connections are kept alive
