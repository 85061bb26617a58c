def greeting
  "hello from ruby"
end
